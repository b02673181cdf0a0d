package client_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/throng-im/throng/client"
	"github.com/throng-im/throng/client/clienttest"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

func texts(es []*throngv1.Entry) (out []string) {
	for _, e := range es[1:] {
		out = append(out, e.GetText())
	}
	return out
}

func wantLog(t *testing.T, srv *clienttest.Server, want ...string) {
	t.Helper()
	if got := texts(srv.Log(chat)); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("log %q, want %q", got, want)
	}
}

func TestSend(t *testing.T) {
	t.Parallel()
	for _, json := range []bool{false, true} {
		bubble(t, nil, client.Options{JSON: json}, func(w *world) {
			w.connect()
			a := w.acked(w.send("hello"))
			if a.Seq != 2 || a.Ordinal != 1 || a.Repeat {
				t.Errorf("ack %+v", a)
			}
			w.pass(time.Second)
			w.wantSeqs(1, 2) // the acknowledgement is the delivery of one's own message
			last := w.c.Latest(chat)
			if e := last[len(last)-1]; e.GetText() != "hello" || e.GetSender() != lin {
				t.Errorf("kept %v", e)
			}
		})
	}
}

// SEND-12, S-31: without an answer it is sent again, and stands once.
func TestLostAck(t *testing.T) {
	t.Parallel()
	lost := false
	prepare := func(s *clienttest.Server) {
		s.OnAnswer = func(ss *clienttest.Session, env *throngv1.ServerEnvelope) clienttest.Verdict {
			if env.GetResponse().GetSend() != nil && !lost {
				lost = true
				ss.Close(1011, "")
				return clienttest.Drop
			}
			return clienttest.Pass
		}
	}
	bubble(t, prepare, client.Options{}, func(w *world) {
		w.connect()
		a := w.acked(w.send("once"))
		if !lost || !a.Repeat || a.Seq != 2 {
			t.Errorf("ack %+v, lost %v; want the repeat of seq 2", a, lost)
		}
		w.pass(time.Second)
		wantLog(t, w.srv, "once")
		w.wantSeqs(1, 2)
	})
}

// S-31.
func TestOrderOverReconnects(t *testing.T) {
	t.Parallel()
	n := 0
	prepare := func(s *clienttest.Server) {
		s.OnRequest = func(ss *clienttest.Session, env *throngv1.ClientEnvelope) bool {
			if env.GetSend() == nil {
				return false
			}
			switch n++; {
			case n%5 == 0:
				ss.Close(4002, "internal")
				return true
			case n%3 == 0: // refused for a moment: what follows must wait
				ss.Refuse(env.GetId(), throngv1.Code_CODE_RATE_LIMITED, "rate_limited", 300)
				return true
			}
			return false
		}
	}
	bubble(t, prepare, client.Options{}, func(w *world) {
		w.connect()
		var want []string
		var all []*client.Sending
		for i := range 12 {
			want = append(want, fmt.Sprint(i))
			all = append(all, w.send(fmt.Sprint(i)))
		}
		for _, m := range all {
			w.acked(m)
		}
		wantLog(t, w.srv, want...)
		if un := w.c.Unsent(); len(un) != 0 {
			t.Errorf("%d unsent", len(un))
		}
		w.pass(time.Second)
		w.wantSeqs(1, 13)
	})
}

func TestSendOffline(t *testing.T) {
	t.Parallel()
	bubble(t, nil, client.Options{MaxOutbox: 2}, func(w *world) {
		a, b := w.send("a"), w.send("b")
		if _, err := w.c.Send(w.t.Context(), chat, client.Text("c")); !errors.Is(err, client.ErrOutboxFull) {
			t.Errorf("third send: %v, want %v", err, client.ErrOutboxFull)
		}
		if !a.Cancel() || a.Cancel() {
			t.Error("cancel works once")
		}
		if _, err := a.Wait(w.t.Context()); !errors.Is(err, client.ErrCanceled) {
			t.Errorf("canceled: %v", err)
		}
		w.connect()
		w.acked(b)
		wantLog(t, w.srv, "b")
	})
}

func TestRefused(t *testing.T) {
	t.Parallel()
	prepare := func(s *clienttest.Server) {
		s.OnRequest = func(ss *clienttest.Session, env *throngv1.ClientEnvelope) bool {
			if env.GetSend().GetText() == "bad" {
				ss.Refuse(env.GetId(), throngv1.Code_CODE_FORBIDDEN, "muted", 0)
				return true
			}
			return false
		}
	}
	bubble(t, prepare, client.Options{}, func(w *world) {
		w.connect()
		bad, good := w.send("bad"), w.send("good")
		_, err := bad.Wait(w.t.Context())
		var e *client.Error
		if !errors.As(err, &e) || e.Reason != "muted" || e.Code != throngv1.Code_CODE_FORBIDDEN {
			t.Errorf("refused with %v", err)
		}
		w.acked(good)
		w.pass(0)
		if f := eventsOf[client.SendFailed](w); len(f) != 1 || f[0].Draft.Body.Text() != "bad" {
			t.Errorf("events %+v", f)
		}
	})
}

func TestTooLarge(t *testing.T) {
	t.Parallel()
	prepare := func(s *clienttest.Server) { s.FrameBytes = 1000 }
	bubble(t, prepare, client.Options{}, func(w *world) {
		w.connect()
		_, err := w.send(string(make([]byte, 2000))).Wait(w.t.Context())
		if !errors.Is(err, &client.Error{Reason: "message_too_large"}) {
			t.Errorf("got %v", err)
		}
		w.acked(w.send("small"))
	})
}

func TestFileOutbox(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "outbox")
	open := func() *client.FileOutbox {
		o, err := client.OpenFileOutbox(path)
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	bubble(t, nil, client.Options{Outbox: open()}, func(w *world) {
		w.send("left behind")
		w.send("and this")
	})
	bubble(t, nil, client.Options{Outbox: open()}, func(w *world) {
		un := w.c.Unsent()
		if len(un) != 2 {
			t.Fatalf("%d drafts after the restart, want 2", len(un))
		}
		w.connect()
		for _, m := range un {
			w.acked(m)
		}
		wantLog(t, w.srv, "left behind", "and this")
	})
	bubble(t, nil, client.Options{Outbox: open()}, func(w *world) {
		if un := w.c.Unsent(); len(un) != 0 {
			t.Errorf("%d drafts after they were stored", len(un))
		}
	})
}

func TestContexts(t *testing.T) {
	t.Parallel()
	prepare := func(s *clienttest.Server) {
		s.OnRequest = func(_ *clienttest.Session, env *throngv1.ClientEnvelope) bool {
			return env.GetListEntries() != nil || env.GetSend() != nil // never answered
		}
	}
	bubble(t, prepare, client.Options{}, func(w *world) {
		w.connect()
		ctx, cancel := context.WithTimeout(w.t.Context(), time.Second)
		defer cancel()
		if _, err := w.c.Range(ctx, chat, client.Query{}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("range: %v", err)
		}
		m := w.send("hello")
		if _, err := m.Wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("wait: %v", err)
		}
		go func() {
			<-time.After(time.Second)
			_ = w.c.Close()
		}()
		if _, err := w.c.Range(w.t.Context(), chat, client.Query{}); !errors.Is(err, client.ErrClosed) {
			t.Errorf("range over close: %v", err)
		}
		if _, err := m.Wait(w.t.Context()); !errors.Is(err, client.ErrClosed) {
			t.Errorf("wait over close: %v", err)
		}
		if _, err := w.c.Send(w.t.Context(), chat, client.Text("late")); !errors.Is(err, client.ErrClosed) {
			t.Errorf("send after close: %v", err)
		}
		synctest.Wait()
	})
}
