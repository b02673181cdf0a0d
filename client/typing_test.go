package client_test

import (
	"slices"
	"testing"
	"time"

	"github.com/throng-im/throng/client"
	"github.com/throng-im/throng/client/clienttest"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// PRE-3, PRE-4: somebody is shown as typing for 6 seconds, or until the message comes; own typing is told once in a while.
func TestTyping(t *testing.T) {
	t.Parallel()
	asked := 0
	bubble(t, func(s *clienttest.Server) {
		s.OnRequest = func(_ *clienttest.Session, env *throngv1.ClientEnvelope) bool {
			if env.GetTyping() != nil {
				asked++
			}
			return false
		}
	}, client.Options{}, func(w *world) {
		typists := func(want ...client.UserID) {
			t.Helper()
			if got := w.c.Typists(chat); !slices.Equal(got, want) {
				t.Errorf("%v are typing, want %v", got, want)
			}
		}
		w.c.Typing(chat) // nobody is online: nothing comes of it
		w.connect()
		w.srv.Type(chat, maja)
		w.pass(time.Second)
		typists(maja)
		w.pass(4 * time.Second)
		w.srv.Type(chat, maja)
		w.pass(5 * time.Second)
		typists(maja)
		w.pass(2 * time.Second)
		typists()
		w.srv.Type(chat, maja)
		w.pass(time.Millisecond)
		typists(maja)
		w.srv.Append(chat, maja, "here it is")
		w.pass(time.Millisecond)
		typists()
		w.srv.Type(77, maja) // a conversation that is not there
		w.srv.Type(chat, lin)
		w.srv.Type(chat, maja)
		w.pass(time.Millisecond)
		w.srv.Cut()
		w.pass(time.Millisecond)
		typists()
		events := eventsOf[client.TypingChanged](w)
		var told []int
		for _, e := range events {
			told = append(told, len(e.Users))
		}
		if !slices.Equal(told, []int{1, 0, 1, 0, 1, 0}) {
			t.Errorf("told %v", events)
		}

		w.pass(time.Minute)
		for range 100 {
			w.c.Typing(chat)
			w.pass(100 * time.Millisecond)
		}
		if asked != 3 {
			t.Errorf("told %d times in 10 s, want 3", asked)
		}
		w.srv.Degrade(&throngv1.Degraded{Level: 1, TypingOff: true})
		w.pass(10 * time.Second)
		w.c.Typing(chat)
		w.pass(time.Millisecond)
		if asked != 3 {
			t.Error("told a server that leaves typing out")
		}
	})
}
