package chat_test

import (
	"context"
	"errors"
	"net"
	"os"
	"runtime"
	"strings"
	"testing"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/throng-im/throng/client"
	"github.com/throng-im/throng/cmd/throng/chat"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// gate is a server's accounts.
type gate struct{ calls []string }

// SignIn implements chat.Accounts.
func (g *gate) SignIn(_ context.Context, handle, password string) (*client.Login, error) {
	g.calls = append(g.calls, "in "+handle)
	if password != "correct horse" {
		return nil, &client.Error{Reason: "credentials_wrong", Message: "The name or the password is wrong."}
	}
	return &client.Login{User: &throngv1.User{Id: 5, Name: "Alice"}}, nil
}

// SignUp implements chat.Accounts.
func (g *gate) SignUp(_ context.Context, handle, _, invitation string) (*client.Login, error) {
	g.calls = append(g.calls, "up "+handle+" "+invitation)
	if invitation == "" {
		return nil, &client.Error{Reason: "invitation_needed", Message: "An invitation is needed here."}
	}
	return &client.Login{User: &throngv1.User{Id: 6}}, nil
}

// drive sends keys to a form and runs what comes of them; it reports whether the form ended.
func drive(f tea.Model, keys ...string) (ended bool) {
	for _, k := range keys {
		msg := tea.Msg(keyMsg(k))
		for msg != nil {
			_, cmd := f.Update(msg)
			msg = nil
			if cmd == nil {
				continue
			}
			switch got := cmd().(type) {
			case tea.QuitMsg:
				ended = true
			default:
				if typeName(got) == "chat.loginMsg" {
					msg = got
				}
			}
		}
	}
	return ended
}

func TestSignIn(t *testing.T) {
	t.Parallel()
	g := &gate{}
	f := chat.NewForm(g, "example.org", "")
	if drive(f, "a", "l", "i", "enter", "wrong", "enter") {
		t.Fatal("the form ended with a wrong password")
	}
	if view := f.View(); !strings.Contains(view, "The name or the password is wrong.") || strings.Contains(view, "wrong ") {
		t.Errorf("the form says:\n%s", view)
	}
	drive(f, "ctrl+u")
	if !drive(f, "correct horse", "enter") {
		t.Errorf("the form did not end with the right password:\n%s", f.View())
	}
	if got := strings.Join(g.calls, "; "); got != "in ali; in ali" {
		t.Errorf("asked %q", got)
	}
}

func TestSignUpAsksForAnInvitationWhereItIsNeeded(t *testing.T) {
	t.Parallel()
	g := &gate{}
	f := chat.NewForm(g, "example.org", "bob")
	drive(f, "ctrl+t", "secret words", "enter")
	if view := f.View(); !strings.Contains(view, "Make an account") || !strings.Contains(view, "Invitation") {
		t.Fatalf("the form says:\n%s", view)
	}
	if strings.Contains(f.View(), "secret words") {
		t.Error("the form shows the password")
	}
	if !drive(f, "CODE", "enter") {
		t.Errorf("the form did not end:\n%s", f.View())
	}
}

func TestStoredSignIns(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, err := chat.OpenSessions(dir)
	if err != nil {
		t.Fatal(err)
	}
	a := chat.Stored{URL: "http://a", Handle: "alice", User: 1, Tokens: client.Tokens{Refresh: "r1"}}
	b := chat.Stored{URL: "http://a", Handle: "bob", User: 2}
	for _, one := range []chat.Stored{a, b} {
		if err := s.Put(one); err != nil {
			t.Fatal(err)
		}
	}
	if info, err := os.Stat(s.Path()); err != nil || (runtime.GOOS != "windows" && info.Mode().Perm() != 0o600) {
		t.Errorf("the file of secrets: %v, %v", info.Mode(), err)
	}
	find := func(url, handle, want string) {
		t.Helper()
		got, ok, err := s.Find(url, handle)
		if err != nil || ok != (want != "") || got.Handle != want {
			t.Errorf("%s %q: found %q, %v, %v; want %q", url, handle, got.Handle, ok, err, want)
		}
	}
	find("http://a", "", "bob") // the last one used
	find("http://a", "ALICE", "alice")
	find("http://b", "", "")

	unlock, err := s.Lock(b)
	if err != nil {
		t.Fatal(err)
	}
	find("http://a", "", "alice") // bob is open in another terminal
	find("http://a", "bob", "bob")
	unlock()
	find("http://a", "", "bob")

	if err := s.Remove(b); err != nil {
		t.Fatal(err)
	}
	find("http://a", "bob", "")
	find("http://a", "", "alice")
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		"localhost:8080": "http://localhost:8080", "https://chat.example.org/": "https://chat.example.org",
		"http://[::1]:8080/throng/": "http://[::1]:8080/throng", "ftp://x": "", "http://": "", "": "",
	} {
		server, _, err := chat.Parse(raw)
		if server != want && (want != "" || err == nil) {
			t.Errorf("%q is %q (%v), want %q", raw, server, err, want)
		}
	}
}

// silent is a server that cannot be reached.
type silent struct {
	chat.Accounts

	err error
}

// SignIn implements chat.Accounts.
func (s silent) SignIn(context.Context, string, string) (*client.Login, error) { return nil, s.err }

func TestSignInSaysThatNobodyAnswers(t *testing.T) {
	t.Parallel()
	var none net.ListenConfig
	l, err := none.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	host := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	unknown := &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: "nowhere.example", IsNotFound: true}}
	for _, tc := range []struct {
		accounts chat.Accounts
		want     string
	}{
		{client.NewAPI("http://" + host), "no server answers at " + host + "; is it running?"},
		{silent{err: unknown}, "no host is called nowhere.example; is the address right?"},
		{silent{err: errors.New("something else")}, "something else"},
	} {
		f := chat.NewForm(tc.accounts, host, "ada")
		drive(f, "correct horse", "enter")
		if view := f.View(); !strings.Contains(view, tc.want) {
			t.Errorf("want %q, the form says:\n%s", tc.want, view)
		}
	}
}
