package chat

import (
	"context"
	"errors"
	"strconv"
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/throng-im/throng/client"
)

func (m *Model) key(k tea.KeyMsg) tea.Cmd {
	if k.String() == "ctrl+c" {
		return tea.Quit
	}
	if m.help {
		m.help = false
		return nil
	}
	if m.card != nil {
		m.card = nil
		return nil
	}
	if m.prompt != nil {
		return m.promptKey(k)
	}
	switch k.String() {
	case "f1":
		m.help = true
		return nil
	case "ctrl+n":
		m.prompt = newDirect()
		return nil
	case "ctrl+g":
		m.prompt = newGroup()
		return nil
	case "ctrl+r":
		m.cfg.Server.Retry()
		return nil
	case "alt+up", "ctrl+up":
		return m.step(-1)
	case "alt+down", "ctrl+down":
		return m.step(1)
	case "ctrl+t":
		if m.list.unread() {
			return m.open(m.list.selected)
		}
		return nil
	case "tab":
		m.inRoom = !m.inRoom && m.room != nil
		return nil
	}
	if m.inRoom && m.room != nil {
		return m.roomKey(k)
	}
	return m.listKey(k)
}

// step opens the conversation above or below.
func (m *Model) step(by int) tea.Cmd {
	if len(m.list.all) == 0 {
		return nil
	}
	m.list.move(by)
	return m.open(m.list.selected)
}

func (m *Model) listKey(k tea.KeyMsg) tea.Cmd {
	page := max(1, (m.height-4)/listRow)
	switch k.String() {
	case "up", "k":
		m.list.move(-1)
	case "down", "j":
		m.list.move(1)
	case "pgup":
		m.list.move(-page)
	case "pgdown":
		m.list.move(page)
	case "home":
		m.list.move(-len(m.list.all))
	case "end":
		m.list.move(len(m.list.all))
	case "enter", "right", "l":
		if m.list.index() >= 0 {
			return m.open(m.list.selected)
		}
	case "n":
		m.prompt = newDirect()
	case "g":
		m.prompt = newGroup()
	case "?":
		m.help = true
	case "q":
		return tea.Quit
	}
	return nil
}

func (m *Model) roomKey(k tea.KeyMsg) tea.Cmd {
	r := m.room
	empty := r.input.Value() == ""
	page := max(1, m.roomHeight()-2)
	switch key := k.String(); {
	case key == "esc":
		m.inRoom = false
	case key == "enter":
		return m.submit()
	case key == "pgup":
		return m.scroll(page)
	case key == "pgdown":
		return m.scroll(-page)
	case key == "up" && empty:
		return m.scroll(1)
	case key == "down" && empty:
		return m.scroll(-1)
	case key == "home" && empty:
		return m.scroll(1 << 20)
	case key == "end" && empty:
		return m.scroll(-1 << 20)
	default:
		var cmd tea.Cmd
		was := r.input.Value()
		r.input, cmd = r.input.Update(k)
		if text := r.input.Value(); text != was && text != "" && !strings.HasPrefix(text, "/") {
			m.cfg.Server.Typing(r.conv.ID)
		}
		return cmd
	}
	return nil
}

// scroll moves the view up by lines, and loads more where it reaches the top.
func (m *Model) scroll(up int) tea.Cmd {
	r := m.room
	r.offset = max(0, r.offset+up)
	_, top := r.lines(m.painter(), m.pending(), m.roomHeight()) // bounds the offset
	if r.offset == 0 {
		m.bottom()
	}
	if up > 0 && (top || r.offset+2*m.roomHeight() > r.total(m.painter(), m.pending())) {
		return m.older()
	}
	return nil
}

// submit sends what was written, or does what it says after a slash.
func (m *Model) submit() tea.Cmd {
	r := m.room
	text := strings.TrimSpace(r.input.Value())
	if text == "" {
		return nil
	}
	if command, ok := strings.CutPrefix(text, "/"); ok && !strings.HasPrefix(command, "/") {
		r.input.Reset()
		return m.command(command)
	}
	text = strings.TrimPrefix(text, "/")
	var cmd tea.Cmd
	if handles, all := ats(text); len(handles) > 0 || all {
		var sent bool
		if cmd, sent = m.post(client.Text(text), text); !sent {
			return nil
		}
	} else if err := m.cfg.Server.Send(r.conv.ID, text); err != nil {
		m.say("Not sent: " + reason(err))
		return nil
	}
	r.input.Reset()
	delete(m.texts, r.conv.ID)
	r.newFrom = 0
	m.bottom()
	return cmd
}

// bottom shows the newest entries.
func (m *Model) bottom() {
	r := m.room
	r.offset, r.below = 0, 0
	if r.hole != 0 {
		r.reload(m.cfg.Server.Latest(r.conv.ID))
	}
}

// command is what can be done with the open conversation.
func (m *Model) command(line string) tea.Cmd {
	word, rest, _ := strings.Cut(line, " ")
	rest = strings.TrimSpace(rest)
	id, people := m.room.conv.ID, m.cfg.People
	switch {
	case word == "help":
		m.help = true
	case word == "add" && rest != "":
		return act("Added.", func(ctx context.Context) error { return people.AddMembers(ctx, id, handles(rest)) })
	case word == "name" && rest != "":
		return act("", func(ctx context.Context) error { return people.Rename(ctx, id, rest) })
	case word == "hide":
		return m.hide(rest)
	case word == "unread":
		return act("Marked as unread.", func(ctx context.Context) error { return m.cfg.Reader.MarkUnread(ctx, id) })
	case word == "edit" && rest != "":
		m.amend(func(seq uint64) client.Body { return client.Edit(seq, rest) })
	case word == "recall":
		m.amend(func(seq uint64) client.Body { return client.Recall(seq, rest) })
	case word == "leave":
		return act("You left.", func(ctx context.Context) error { return people.Leave(ctx, id) })
	case word == "quit":
		return tea.Quit
	default:
		cmd, ok := m.devices(word, rest)
		if !ok {
			cmd, ok = m.relate(word, rest)
		}
		if !ok {
			cmd, ok = m.invite(word, rest)
		}
		if !ok {
			cmd, ok = m.moderate(word, rest)
		}
		if !ok {
			cmd, ok = m.pin(word, rest)
		}
		if !ok {
			cmd, ok = m.refer(word, rest)
		}
		if !ok {
			m.say("/help, /quit, /add NAME…, /name NEW NAME, /leave, /unread, /hide, /edit NEW TEXT, /recall, /reply NUMBER TEXT, /pin, /pins, /permalink, /goto LINK, /friends, /friend NAME, /link, /devices; a message that begins with a slash: //")
		}
		return cmd
	}
	return nil
}

// amend edits or takes back the user's last message.
func (m *Model) amend(body func(seq uint64) client.Body) {
	e := m.room.mine(m.cfg.Me)
	if e == nil {
		m.say("There is no message of yours here.")
		return
	}
	if err := m.cfg.Server.Put(m.room.conv.ID, body(e.GetSeq())); err != nil {
		m.say("Not sent: " + reason(err))
	}
}

// act does something that waits, and says how it went.
func act(notice string, do func(ctx context.Context) error) tea.Cmd {
	return func() tea.Msg {
		ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
		defer cancel()
		return doneMsg{notice: notice, err: do(ctx)}
	}
}

// handles splits a list of names by commas and spaces.
func handles(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' || r == '@' })
}

// reason is an error as a person wants to read it.
func reason(err error) string {
	var e *client.Error
	switch {
	case errors.As(err, &e) && e.Message != "":
		return e.Message
	case errors.Is(err, context.DeadlineExceeded):
		return "The server did not answer in time."
	default:
		return err.Error()
	}
}

// hide deletes the newest messages that are loaded, or all of the conversation, for the user alone.
func (m *Model) hide(which string) tea.Cmd {
	r, id, reader := m.room, m.room.conv.ID, m.cfg.Reader
	n := 1
	if which != "" && which != "all" {
		var err error
		if n, err = strconv.Atoi(which); err != nil || n < 1 {
			m.say("/hide, /hide 3 or /hide all")
			return nil
		}
	}
	if len(r.entries) == 0 {
		return nil
	}
	span := client.Span{From: r.entries[max(0, len(r.entries)-n)].GetSeq(), To: r.last()}
	if which == "all" {
		span.From = 1
	}
	return act("Deleted, for you alone.", func(ctx context.Context) error { return reader.Hide(ctx, id, span) })
}
