package client_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/throng-im/throng/client"
	"github.com/throng-im/throng/client/clienttest"
	"github.com/throng-im/throng/client/link"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// CLOSE-1 and CLOSE-2: what a client does after each code, S-31 of the session's rules.
func TestCloseCodes(t *testing.T) {
	t.Parallel()
	rows := []struct {
		code   uint16
		back   bool
		reason client.CloseReason
		tokens int // asked for in all
	}{
		{1000, true, "", 2},
		{1001, true, "", 2},
		{1002, false, client.Incompatible, 1},
		{1003, false, client.Incompatible, 1},
		{1007, false, client.Incompatible, 1},
		{1009, false, client.Incompatible, 1},
		{1011, true, "", 2},
		{4000, true, "", 2},
		{4001, true, "", 2},
		{4100, true, "", 2},
		{4101, true, "", 2},
		{4200, true, "", 2},
		{4202, true, "", 2},
		{4300, false, client.ByServer, 1},
		{4301, false, client.ByServer, 1},
		{4400, false, client.Incompatible, 1},
		{4402, false, client.Incompatible, 1},
		{4099, true, "", 2},
		{4199, true, "", 2},
		{4299, true, "", 2},
		{4399, false, client.ByServer, 1},
		{4499, false, client.Incompatible, 1},
		{4999, true, "", 2},
	}
	for _, r := range rows {
		t.Run(fmt.Sprint(r.code), func(t *testing.T) {
			t.Parallel()
			var asked []client.TokenReason
			opts := client.Options{Tokens: client.TokenFunc(func(_ context.Context, why client.TokenReason) (string, error) {
				asked = append(asked, why)
				return "user-10", nil
			})}
			bubble(t, nil, opts, func(w *world) {
				w.connect()
				w.srv.CloseSessions(r.code, "because")
				w.pass(time.Minute)
				st := w.c.State()
				if back := st.Phase == client.Online; back != r.back || st.Reason != r.reason {
					t.Errorf("state %+v", st)
				}
				if len(asked) != r.tokens {
					t.Errorf("%d tokens asked for, want %d", len(asked), r.tokens)
				}
				if r.code/100 == 42 && asked[1] != client.TokenRejected {
					t.Errorf("asked with reason %v", asked[1])
				}
			})
		})
	}
}

// CLOSE-4.
func TestRetryAfterWins(t *testing.T) {
	t.Parallel()
	opts := client.Options{Random: func() float64 { return 0.5 }}
	bubble(t, nil, opts, func(w *world) {
		w.connect()
		for _, s := range w.srv.Sessions(lin) {
			s.Push(&throngv1.ServerEnvelope{Content: &throngv1.ServerEnvelope_Closing{
				Closing: &throngv1.Closing{CloseCode: 4100, Reason: "drain", RetryAfterMs: 20_000},
			}})
			s.Close(4100, "drain")
		}
		w.pass(time.Second)
		st := w.c.State()
		if left := time.Until(st.RetryAt); st.Phase != client.Waiting || left < 19*time.Second || left > 19*time.Second+500*time.Millisecond {
			t.Errorf("state %+v, retry in %v", st, left)
		}
		w.c.Retry() // the application knows better
		w.pass(time.Second)
		if st := w.c.State(); st.Phase != client.Online {
			t.Errorf("state %+v", st)
		}
	})
}

// CLOSE-3.
func TestBackoff(t *testing.T) {
	t.Parallel()
	prepare := func(s *clienttest.Server) {
		s.OnDial = func(n int) error {
			if n <= 10 {
				return errors.New("no route")
			}
			return nil
		}
	}
	opts := client.Options{Random: func() float64 { return 0.999 }}
	bubble(t, prepare, opts, func(w *world) {
		ctx, cancel := context.WithTimeout(w.t.Context(), 15*time.Minute)
		defer cancel()
		begin := time.Now()
		if err := w.c.Connect(ctx); err != nil {
			t.Fatal(err)
		}
		// 0.5 + 1 + 2 + 4 + 8 + 16 + 30 + 30 + 30 + 30 seconds
		if d := time.Since(begin); d < 150*time.Second || d > 152*time.Second {
			t.Errorf("ten failures took %v, want 151.5 s", d)
		}
		w.pass(11 * time.Second) // a session that lasted: the next failure begins anew
		w.srv.Cut()
		w.pass(time.Second)
		if st := w.c.State(); st.Phase != client.Online {
			t.Errorf("state %+v", st)
		}
	})
}

func TestTokenRejected(t *testing.T) {
	t.Parallel()
	bubble(t, nil, client.Options{}, func(w *world) {
		w.srv.Revoke(lin, true)
		err := w.c.Connect(w.t.Context())
		if st := w.c.State(); err == nil || st.Phase != client.Closed || st.Reason != client.ReasonAuth {
			t.Errorf("connect: %v, state %+v", err, st)
		}
	})
}

func TestTokenRenewed(t *testing.T) {
	t.Parallel()
	var asked []client.TokenReason
	auths := 0
	prepare := func(s *clienttest.Server) {
		s.TokenMS = 600_000
		s.OnRequest = func(_ *clienttest.Session, env *throngv1.ClientEnvelope) bool {
			if env.GetAuthenticate() != nil {
				auths++
			}
			return false
		}
	}
	opts := client.Options{Tokens: client.TokenFunc(func(_ context.Context, why client.TokenReason) (string, error) {
		asked = append(asked, why)
		return fmt.Sprintf("user-10/%d", len(asked)), nil
	})}
	bubble(t, prepare, opts, func(w *world) {
		w.connect()
		w.pass(30 * time.Minute)
		if len(asked) != 4 || asked[1] != client.TokenExpiring || auths != 4 || w.srv.Dials() != 1 {
			t.Errorf("asked %v, %d authentications, %d connections", asked, auths, w.srv.Dials())
		}
	})
}

// S-25 and S-28: 10 seconds after a heartbeat without an answer the connection counts as dead.
func TestSilentServer(t *testing.T) {
	t.Parallel()
	mute := true
	prepare := func(s *clienttest.Server) {
		s.OnRequest = func(_ *clienttest.Session, env *throngv1.ClientEnvelope) bool {
			return env.GetHeartbeat() != nil && mute
		}
	}
	bubble(t, prepare, client.Options{}, func(w *world) {
		w.connect()
		w.pass(29 * time.Second)
		if w.srv.Dials() != 1 {
			t.Error("gave up before the heartbeat's grace was over")
		}
		mute = false
		w.pass(2 * time.Second)
		if w.srv.Dials() != 2 || w.c.State().Phase != client.Online {
			t.Errorf("%d connections, state %+v", w.srv.Dials(), w.c.State())
		}
	})
}

func TestMalformedFrame(t *testing.T) {
	t.Parallel()
	bubble(t, nil, client.Options{}, func(w *world) {
		w.connect()
		for _, s := range w.srv.Sessions(lin) {
			s.Raw([]byte{0xff})
		}
		w.pass(time.Minute)
		if w.srv.Dials() != 2 || w.c.State().Phase != client.Online {
			t.Errorf("%d connections, state %+v", w.srv.Dials(), w.c.State())
		}
	})
}

func TestNoAnswerToAuthenticate(t *testing.T) {
	t.Parallel()
	first := true
	prepare := func(s *clienttest.Server) {
		s.OnRequest = func(_ *clienttest.Session, _ *throngv1.ClientEnvelope) bool {
			was := first
			first = false
			return was
		}
	}
	bubble(t, prepare, client.Options{}, func(w *world) { w.connect() })
}

func TestStates(t *testing.T) {
	t.Parallel()
	bubble(t, nil, client.Options{}, func(w *world) {
		if st := w.c.State(); st.Phase != client.Idle {
			t.Errorf("state %+v", st)
		}
		w.connect()
		w.srv.Cut()
		w.pass(time.Minute)
		_ = w.c.Close()
		w.drain()
		var got []client.Phase
		for _, e := range eventsOf[client.StateChanged](w) {
			got = append(got, e.State.Phase)
		}
		want := []client.Phase{
			client.Connecting, client.Syncing, client.Online, client.Waiting,
			client.Connecting, client.Syncing, client.Online, client.Closed,
		}
		if !slices.Equal(got, want) {
			t.Errorf("phases %v, want %v", got, want)
		}
		if _, err := w.c.Next(w.t.Context()); !errors.Is(err, client.ErrClosed) {
			t.Errorf("next after close: %v", err)
		}
	})
}

func TestHundredReconnects(t *testing.T) {
	t.Parallel()
	told := 0
	opts := client.Options{OnEvent: func(e client.Event) {
		if _, ok := e.(client.Message); ok {
			told++
		}
	}}
	bubble(t, nil, opts, func(w *world) {
		w.connect()
		for range 100 {
			w.srv.Cut()
			w.pass(time.Minute)
		}
		w.srv.Append(chat, maja, "hello")
		w.pass(time.Second)
		if told != 2 {
			t.Errorf("%d messages told, want 2", told)
		}
		if n := len(w.srv.Sessions(lin)); n != 1 {
			t.Errorf("%d sessions, want 1", n)
		}
	})
}

func TestHandshakeRefused(t *testing.T) {
	t.Parallel()
	rows := []struct {
		answer string
		want   client.HandshakeError
	}{
		{"HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n", client.HandshakeError{Status: 503, RetryAfter: 7 * time.Second}},
		{"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n", client.HandshakeError{Status: 401}},
	}
	for _, r := range rows {
		near, far := net.Pipe()
		go func() {
			buf := make([]byte, 4096)
			_, _ = far.Read(buf)
			_, _ = io.WriteString(far, r.answer)
			_ = far.Close()
		}()
		_, err := link.Dial(t.Context(), link.Config{
			URL: "http://throng.test", NetDial: func(context.Context, string, string) (net.Conn, error) { return near, nil },
		})
		var he *client.HandshakeError
		if !errors.As(err, &he) || *he != r.want {
			t.Errorf("got %v, want %+v", err, r.want)
		}
	}
}
