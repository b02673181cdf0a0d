package client_test

import (
	"testing"
	"time"

	"github.com/throng-im/throng/client"
	"github.com/throng-im/throng/client/clienttest"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// PRE-11, PRE-12: what is watched, and how the user is there, hold over reconnects; what changes is told once.
func TestPresence(t *testing.T) {
	t.Parallel()
	const (
		offline, away = throngv1.PresenceState_PRESENCE_STATE_OFFLINE, throngv1.PresenceState_PRESENCE_STATE_AWAY
		online, busy  = throngv1.PresenceState_PRESENCE_STATE_ONLINE, throngv1.PresenceState_PRESENCE_STATE_BUSY
	)
	var said []*throngv1.SetPresenceRequest
	bubble(t, func(s *clienttest.Server) {
		s.AddConversation(square, throngv1.Kind_KIND_GROUP, lin, maja)
		s.SetTier(square, throngv1.Tier_TIER_LARGE)
		s.OnRequest = func(_ *clienttest.Session, env *throngv1.ClientEnvelope) bool {
			if r := env.GetSetPresence(); r != nil {
				said = append(said, r)
			}
			return false
		}
	}, client.Options{}, func(w *world) {
		is := func(what string, want throngv1.PresenceState) {
			t.Helper()
			if got := w.c.Presence(maja); got != want {
				t.Errorf("%s: %v, want %v", what, got, want)
			}
		}
		w.srv.Be(maja, online)
		w.c.Watch([]client.Watched{{User: maja}}, square)
		w.c.SetPresence(busy, false)
		is("before there is a connection", 0)
		w.connect()
		w.pass(time.Second)
		is("in the answer", online)
		if n := w.c.OnlineCount(square); n != 2 {
			t.Errorf("%d are there", n)
		}
		w.srv.Be(maja, away)
		w.srv.Be(77, away) // nobody asked
		w.pass(time.Second)
		is("a change", away)
		page, err := w.c.ListOnline(w.t.Context(), square, 0, 10)
		if err != nil || len(page.People) != 2 {
			t.Errorf("%v, %v", page, err)
		}
		w.srv.Cut()
		w.srv.Be(maja, busy)
		w.pass(time.Minute)
		is("after a reconnect", busy)
		if len(said) != 2 || said[1].GetState() != busy {
			t.Errorf("said %v", said)
		}
		w.srv.Be(maja, offline)
		w.pass(time.Second)
		is("gone", offline)
		w.c.Watch(nil)
		w.pass(time.Second)
		is("not watched any more", 0)
		n := len(eventsOf[client.PresenceChanged](w))
		if n < 5 || n > 8 {
			t.Errorf("told %d times", n)
		}
	})
}
