package chat

import (
	"context"
	"errors"
	"net"
	"strings"

	"github.com/charmbracelet/bubbles/textinput"
	tea "github.com/charmbracelet/bubbletea"

	"github.com/throng-im/throng/client"
)

// Accounts is what the form asks. *client.API fills it.
type Accounts interface {
	SignUp(ctx context.Context, handle, password, invitation string) (*client.Login, error)
	SignIn(ctx context.Context, handle, password string) (*client.Login, error)
}

// form signs a person in or up.
type form struct {
	theme    theme
	accounts Accounts
	host     string

	width, height int
	fields        []textinput.Model // name, password, invitation
	at            int
	signUp        bool
	invited       bool // the server wants an invitation
	busy          bool
	problem       string

	login  *client.Login
	handle string
}

const (
	fieldName = iota
	fieldPassword
	fieldInvitation
)

type loginMsg struct {
	login *client.Login
	err   error
}

func newForm(accounts Accounts, host, handle string) *form {
	f := &form{theme: newTheme(), accounts: accounts, host: host, width: 80, height: 24}
	f.fields = []textinput.Model{field("1 to 64 characters"), field("at least 8 characters"), field("what you were given")}
	f.fields[fieldPassword].EchoMode = textinput.EchoPassword
	f.fields[fieldName].SetValue(handle)
	if handle != "" {
		f.at = fieldPassword
	}
	f.fields[f.at].Focus()
	return f
}

// Init implements tea.Model.
func (f *form) Init() tea.Cmd { return textinput.Blink }

// Update implements tea.Model.
func (f *form) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		f.width, f.height = msg.Width, msg.Height
		return f, nil
	case loginMsg:
		return f, f.answered(msg)
	case tea.KeyMsg:
		return f, f.key(msg)
	}
	var cmd tea.Cmd
	f.fields[f.at], cmd = f.fields[f.at].Update(msg)
	return f, cmd
}

func (f *form) key(k tea.KeyMsg) tea.Cmd {
	switch k.String() {
	case "ctrl+c", "esc":
		return tea.Quit
	case "tab", "down":
		return f.focus(f.at + 1)
	case "shift+tab", "up":
		return f.focus(f.at - 1)
	case "ctrl+t":
		f.signUp = !f.signUp
		f.problem = ""
		return f.focus(f.at)
	case "enter":
		if f.at < f.shown()-1 {
			return f.focus(f.at + 1)
		}
		return f.submit()
	}
	if f.busy {
		return nil
	}
	var cmd tea.Cmd
	f.fields[f.at], cmd = f.fields[f.at].Update(k)
	return cmd
}

// shown is how many fields there are now.
func (f *form) shown() int {
	if f.signUp && f.invited {
		return fieldInvitation + 1
	}
	return fieldPassword + 1
}

func (f *form) focus(at int) tea.Cmd {
	f.fields[f.at].Blur()
	f.at = (at + f.shown()) % f.shown()
	return f.fields[f.at].Focus()
}

func (f *form) submit() tea.Cmd {
	handle, password := strings.TrimSpace(f.fields[fieldName].Value()), f.fields[fieldPassword].Value()
	if f.busy || handle == "" || password == "" {
		return nil
	}
	f.busy, f.problem, f.handle = true, "", handle
	accounts, up, invitation := f.accounts, f.signUp, strings.TrimSpace(f.fields[fieldInvitation].Value())
	return func() tea.Msg {
		ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
		defer cancel()
		var login *client.Login
		var err error
		if up {
			login, err = accounts.SignUp(ctx, handle, password, invitation)
		} else {
			login, err = accounts.SignIn(ctx, handle, password)
		}
		return loginMsg{login, err}
	}
}

func (f *form) answered(msg loginMsg) tea.Cmd {
	f.busy = false
	if msg.err == nil {
		f.login = msg.login
		return tea.Quit
	}
	f.problem = clean(f.reason(msg.err), false)
	var e *client.Error
	if errors.As(msg.err, &e) && strings.HasPrefix(e.Reason, "invitation") {
		f.invited = true
		return f.focus(fieldInvitation)
	}
	return nil
}

// reason says what went wrong. Who cannot be reached is named as the person wrote it: the error has an address that a
// resolver found.
func (f *form) reason(err error) string {
	var name *net.DNSError
	var dial *net.OpError
	switch {
	case errors.As(err, &name) && name.IsNotFound:
		return "no host is called " + name.Name + "; is the address right?"
	case errors.As(err, &dial) && dial.Op == "dial":
		return "no server answers at " + f.host + "; is it running?"
	default:
		return reason(err)
	}
}

// View implements tea.Model.
func (f *form) View() string {
	title, other := "Sign in to "+f.host, "ctrl+t  make an account instead"
	if f.signUp {
		title, other = "Make an account at "+f.host, "ctrl+t  sign in instead"
	}
	lines := []string{"", f.theme.name.Render(fit("  "+title, f.width)), ""}
	const labelWidth = 12
	for i, label := range []string{"Name", "Password", "Invitation"}[:f.shown()] {
		mark := "  "
		if i == f.at {
			mark = f.theme.selected.Render("▌ ")
		}
		in := f.fields[i]
		in.Width = max(1, f.width-labelWidth-4)
		lines = append(lines, fit(mark+f.theme.dim.Render(fit(label, labelWidth))+in.View(), f.width))
	}
	lines = append(lines, "")
	switch {
	case f.busy:
		lines = append(lines, f.theme.dim.Render(fit("  one moment…", f.width)))
	case f.problem != "":
		for _, line := range wrap(f.problem, f.width-4) {
			lines = append(lines, f.theme.danger.Render(fit("  "+line, f.width)))
		}
	}
	for _, line := range []string{"", "  enter   go on", "  " + other, "  esc     quit"} {
		lines = append(lines, f.theme.help.Render(fit(line, f.width)))
	}
	return strings.Join(lines[:min(len(lines), max(f.height, 1))], "\n")
}
