package chat

import (
	"context"
	"strings"

	"github.com/charmbracelet/bubbles/textinput"
	tea "github.com/charmbracelet/bubbletea"
)

// prompt asks for one or two lines in the place of the room.
type prompt struct {
	title  string
	labels []string
	fields []textinput.Model
	at     int
	group  bool
}

func field(placeholder string) textinput.Model {
	in := textinput.New()
	in.Placeholder = placeholder
	in.Prompt = ""
	in.CharLimit = 400
	return in
}

func newDirect() *prompt {
	p := &prompt{title: "Write to somebody", labels: []string{"Name"}, fields: []textinput.Model{field("their sign-in name")}}
	p.fields[0].Focus()
	return p
}

func newGroup() *prompt {
	p := &prompt{
		title: "Make a group", labels: []string{"Group", "Members"}, group: true,
		fields: []textinput.Model{field("what it is called"), field("sign-in names, with commas")},
	}
	p.fields[0].Focus()
	return p
}

func (m *Model) promptKey(k tea.KeyMsg) tea.Cmd {
	p := m.prompt
	switch k.String() {
	case "esc":
		m.prompt = nil
		return nil
	case "tab", "down", "shift+tab", "up":
		p.fields[p.at].Blur()
		p.at = (p.at + 1) % len(p.fields)
		return p.fields[p.at].Focus()
	case "enter":
		if p.at < len(p.fields)-1 {
			p.fields[p.at].Blur()
			p.at++
			return p.fields[p.at].Focus()
		}
		return m.promptDone()
	}
	var cmd tea.Cmd
	p.fields[p.at], cmd = p.fields[p.at].Update(k)
	return cmd
}

func (m *Model) promptDone() tea.Cmd {
	p, people := m.prompt, m.cfg.People
	first := strings.TrimSpace(p.fields[0].Value())
	if first == "" {
		return nil
	}
	m.prompt = nil
	if !p.group {
		return func() tea.Msg {
			ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
			defer cancel()
			id, err := people.OpenDirect(ctx, strings.TrimPrefix(first, "@"))
			return doneMsg{open: id, err: err}
		}
	}
	who := handles(p.fields[1].Value())
	return func() tea.Msg {
		ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
		defer cancel()
		id, err := people.CreateGroup(ctx, first, who)
		return doneMsg{open: id, err: err}
	}
}

// view draws the prompt into height lines.
func (p *prompt) view(t theme, width, height int) []string {
	lines := []string{"", t.name.Render(fit("  "+p.title, width)), ""}
	for i, label := range p.labels {
		in := p.fields[i]
		const labelWidth = 10
		in.Width = max(1, width-labelWidth-4)
		mark := "  "
		if i == p.at {
			mark = t.selected.Render("▌ ")
		}
		lines = append(lines, fit(mark+t.dim.Render(fit(label, labelWidth))+in.View(), width))
	}
	lines = append(lines, "", t.dim.Render(fit("  enter does it, esc goes back", width)))
	for len(lines) < height {
		lines = append(lines, fit("", width))
	}
	for i := range lines {
		lines[i] = fit(lines[i], width)
	}
	return lines[:height]
}
