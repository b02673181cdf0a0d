package chat

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"golang.org/x/term"

	"github.com/throng-im/throng/client"
)

// Options say where to go and as whom.
type Options struct {
	// URL of the server, like http://localhost:8080.
	URL string
	// User is the sign-in name; empty takes the last one used at this server.
	User string
	// Dir keeps the sign-in and unsent messages; empty is the user's configuration folder.
	Dir string
	// Product names this program and its version in the user's list of devices.
	Product string
	// In and Out are the terminal.
	In  io.Reader
	Out io.Writer
}

// errNoTerminal is told to who runs the command in a pipe.
var errNoTerminal = errors.New("throng chat needs a terminal; programs use the HTTP API or the Go SDK")

// Run signs in where needed, and shows the screen until the user quits or ctx ends.
func Run(ctx context.Context, o Options) error {
	in, ok := o.In.(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) {
		return errNoTerminal
	}
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGHUP) // the window was closed
	defer stop()
	server, host, err := parse(o.URL)
	if err != nil {
		return err
	}
	keep, err := openSessions(o.Dir)
	if err != nil {
		return err
	}
	web := &http.Client{Timeout: callTimeout}
	api := client.NewAPI(server, client.WithHTTPClient(web))
	for {
		who, err := signIn(ctx, o, keep, api, server, host)
		if err != nil || who == nil {
			return err
		}
		unlock, err := keep.lock(*who)
		if err != nil {
			return fmt.Errorf("%s is open in another terminal: %w", who.Handle, err)
		}
		again, err := converse(ctx, o, keep, api, web, *who, host)
		unlock()
		if err != nil || !again {
			return err
		}
	}
}

// parse completes the URL as people type it, and gives the host to show.
func parse(raw string) (server, host string, err error) {
	if !strings.Contains(raw, "://") {
		raw = "http://" + raw
	}
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return "", "", fmt.Errorf("%q is no address of a server; it looks like http://localhost:8080", raw)
	}
	return u.Scheme + "://" + u.Host + strings.TrimSuffix(u.Path, "/"), u.Host, nil
}

// signIn takes the stored sign-in, or shows the form. Nil means that the user went away.
func signIn(ctx context.Context, o Options, keep *sessions, api *client.API, server, host string) (*stored, error) {
	who, ok, err := keep.find(server, o.User)
	if err != nil {
		return nil, err
	}
	if ok {
		return &who, nil
	}
	last, err := tea.NewProgram(newForm(api, host, o.User), options(ctx, o)...).Run()
	if err != nil && !errors.Is(err, tea.ErrProgramKilled) {
		return nil, err
	}
	f, ok := last.(*form)
	if !ok || f.login == nil {
		return nil, nil //nolint:nilnil // nobody signed in, and nothing went wrong
	}
	user := f.login.User
	who = stored{
		URL: server, Handle: f.handle, Name: user.GetName(), User: client.UserID(user.GetId()), Tokens: f.login.Tokens,
	}
	if who.Name == "" {
		who.Name = f.handle
	}
	return &who, keep.put(who)
}

// options leave signals to ctx: bubbletea's own handler and a context that ends at the same signal wait for each other.
func options(ctx context.Context, o Options) []tea.ProgramOption {
	return []tea.ProgramOption{
		tea.WithContext(ctx), tea.WithInput(o.In), tea.WithOutput(o.Out), tea.WithAltScreen(), tea.WithReportFocus(),
		tea.WithoutSignalHandler(),
	}
}

// converse shows the screen. It reports true where the sign-in is no longer good and the form has to come again.
func converse(
	ctx context.Context, o Options, keep *sessions, api *client.API, web *http.Client, who stored, host string,
) (again bool, err error) {
	outbox, err := client.OpenFileOutbox(keep.file(who, "outbox"))
	if err != nil {
		return false, err
	}
	save := func(t client.Tokens) error {
		who.Tokens = t
		return keep.put(who)
	}
	c, err := client.New(who.URL, client.Options{
		Tokens: client.RefreshingTokens(api, who.Tokens, save), Product: o.Product, HTTP: web, Outbox: outbox,
		Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return false, errors.Join(err, outbox.Close())
	}
	defer func() {
		if cerr := c.Close(); err == nil {
			err = cerr
		}
	}()
	live, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		_ = c.Connect(live) // the screen learns of the outcome by events; ends with live
	}()
	m := NewModel(Config{
		Server: sdk{c}, Reader: sdk{c}, People: sdk{c}, Social: social{sdk{c}, client.NewRelations(c.API())}, Invites: invites{sdk{c}, who.URL}, Devices: sdk{c},
		Pins:   permalinks{sdk{c}, who.URL},
		Events: pump(live, c), Me: who.User, Name: who.Name, Host: host, Now: time.Now,
	})
	if _, err := tea.NewProgram(m, options(ctx, o)...).Run(); err != nil && !errors.Is(err, tea.ErrProgramKilled) {
		return false, err
	}
	if m.state.Phase == client.Closed && m.state.Reason == client.ReasonAuth {
		return true, keep.remove(who)
	}
	return false, nil
}

// pump moves the client's events into a channel, so that the screen can take many at once. The goroutine ends with ctx or the
// client, and closes the channel.
func pump(ctx context.Context, c *client.Client) <-chan client.Event {
	const waiting = 1024
	events := make(chan client.Event, waiting)
	go func() {
		defer close(events)
		for e := range c.Events(ctx) {
			select {
			case events <- e:
			case <-ctx.Done():
				return
			}
		}
	}()
	return events
}
