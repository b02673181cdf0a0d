package gateway_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/gateway"
	"github.com/throng-im/throng/internal/presence"
	"github.com/throng-im/throng/internal/store/local"
	"github.com/throng-im/throng/internal/wire"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// square has users 1 to 3 in a small conversation 7 and in a medium one, 9.
type square struct{}

func (square) in(user chat.UserID, id chat.ConversationID) bool {
	return user < 4 && (id == 7 || id == big)
}

func (s square) Standing(_ context.Context, user chat.UserID, id chat.ConversationID) (chat.Head, bool, error) {
	tier := chat.TierSmall
	if id == big {
		tier = chat.TierMedium
	}
	return chat.Head{Conversation: id, Tier: tier}, s.in(user, id), nil
}

func (square) Members(context.Context, chat.ConversationID) ([]chat.UserID, error) {
	return []chat.UserID{1, 2, 3}, nil
}

func (square) Direct(context.Context, chat.UserID, chat.UserID) (chat.ConversationID, error) {
	return 0, nil
}

func (s square) Member(_ context.Context, id chat.ConversationID, user chat.UserID) (bool, error) {
	return s.in(user, id), nil
}

func (square) Page(_ context.Context, _ chat.ConversationID, after chat.UserID, _ int) ([]chat.UserID, error) {
	return slices.DeleteFunc([]chat.UserID{1, 2, 3}, func(u chat.UserID) bool { return u <= after }), nil
}

// PRE-10 to PRE-17 over connections: states, suspension, silence, watching and its bounds.
func TestPresenceGoesThrough(t *testing.T) {
	t.Parallel()
	var hub *presence.Hub
	var server *gateway.Server
	inForum(t, func(_ *gateway.Config, d *gateway.Deps) {
		hub = presence.NewHub(presence.Default(), presence.Deps{
			Store: local.NewPresence().Join("n1"), Self: "n1", Rooms: square{},
			Audiences: func(yield func(id chat.ConversationID, sessions int)) { server.Audiences(yield) },
		})
		d.Presence = hub
	}, func(h *forum) {
		server = h.gateway
		ctx, stop := context.WithCancel(h.t.Context())
		done := make(chan error, 1)
		go func() { done <- hub.Run(ctx) }()
		defer func() { stop(); assert.NoError(t, "run", <-done) }()
		h.member(big, 1, 1, 2, 3)
		a, b, stranger := h.enter(1, wire.Proto), h.enter(2, wire.JSON), h.enter(4, wire.Proto)
		set := func(g *guest, state throngv1.PresenceState, suspended bool) {
			g.send(&throngv1.ClientEnvelope{Id: 5, Request: &throngv1.ClientEnvelope_SetPresence{
				SetPresence: &throngv1.SetPresenceRequest{State: state, Suspended: suspended},
			}})
		}
		watch := func(g *guest, ids ...uint64) {
			g.send(&throngv1.ClientEnvelope{Id: 6, Request: &throngv1.ClientEnvelope_Watch{Watch: &throngv1.WatchRequest{Conversations: ids}}})
		}
		h.pass(11 * time.Second) // counts are reported by then
		watch(a, 7, uint64(big))
		got := a.said()
		slices.Sort(got)
		assert.Equal(t, "the answer", got, []string{"2 is 3", "2 online in 9", "3 is 1"})
		watch(stranger, 7, uint64(big))
		assert.Equal(t, "who is in neither", stranger.said(), nil)
		watch(a, 1, 2, 3, 4, 5, 6, 7, 8, 9)
		assert.Equal(t, "too many", a.said(), []string{"error too_many_conversations"})
		a.send(&throngv1.ClientEnvelope{Id: 7, Request: &throngv1.ClientEnvelope_ListOnline{ListOnline: &throngv1.ListOnlineRequest{Conversation: uint64(big)}}})
		assert.Equal(t, "names", a.said(), []string{"2 of 2"})
		stranger.send(&throngv1.ClientEnvelope{Id: 7, Request: &throngv1.ClientEnvelope_ListOnline{ListOnline: &throngv1.ListOnlineRequest{Conversation: uint64(big)}}})
		assert.Equal(t, "no names", stranger.said(), []string{"error conversation_not_found"})

		told := func(what string, d time.Duration, want ...string) {
			t.Helper()
			h.pass(d)
			assert.Equal(t, what, a.said(), want)
		}
		set(b, throngv1.PresenceState_PRESENCE_STATE_BUSY, false)
		assert.Equal(t, "the answer", b.said(), []string{"set"})
		told("busy", 3*time.Second, "2 is 4")
		set(b, throngv1.PresenceState_PRESENCE_STATE_ONLINE, true)
		b.said()
		told("suspended for a moment", 3*time.Second)
		told("suspended", 8*time.Second, "2 is 1")
		d := content(7, 1, chat.TierSmall)
		d.Users = []chat.UserID{2}
		h.deliver(d)
		assert.Equal(t, "content for who is suspended", b.said(), nil)
		set(b, throngv1.PresenceState_PRESENCE_STATE_ONLINE, false)
		assert.Equal(t, "back", b.said(), []string{"set", "sync"})
		told("back", 3*time.Second, "2 is 3")

		a.stall(0)
		set(b, throngv1.PresenceState_PRESENCE_STATE_BUSY, false)
		e := content(7, 2, chat.TierSmall)
		e.Users = []chat.UserID{1}
		h.deliver(e)
		h.pass(3 * time.Second)
		set(b, throngv1.PresenceState_PRESENCE_STATE_AWAY, false)
		h.pass(3 * time.Second)
		a.free()
		assert.Equal(t, "content first", a.said(), []string{"entry 2"})
		told("then how it is by now", 2*time.Second, "2 is 2")
	})
}

// PRE-13: a peer that vanishes without a word is told as offline within 45 seconds, and as there again when it speaks.
func TestAVanishedPeerIsOffline(t *testing.T) {
	t.Parallel()
	var hub *presence.Hub
	inForum(t, func(_ *gateway.Config, d *gateway.Deps) {
		hub = presence.NewHub(presence.Default(), presence.Deps{Store: local.NewPresence().Join("n1"), Self: "n1", Rooms: square{}})
		d.Presence = hub
	}, func(h *forum) {
		ctx, stop := context.WithCancel(h.t.Context())
		done := make(chan error, 1)
		go func() { done <- hub.Run(ctx) }()
		defer func() { stop(); assert.NoError(t, "run", <-done) }()
		beat := &throngv1.ClientEnvelope{Request: &throngv1.ClientEnvelope_Heartbeat{Heartbeat: &throngv1.HeartbeatRequest{}}}
		a, b := h.enter(1, wire.Proto), h.enter(2, wire.Proto)
		h.pass(time.Second)
		a.send(&throngv1.ClientEnvelope{Id: 6, Request: &throngv1.ClientEnvelope_Watch{Watch: &throngv1.WatchRequest{Conversations: []uint64{7}}}})
		a.said()
		offline := time.Duration(0)
		b.send(beat)
		for passed := time.Duration(0); passed < 42*time.Second; passed += time.Second {
			h.pass(time.Second)
			if passed%(10*time.Second) == 0 {
				a.send(beat)
			}
			if offline == 0 && slices.Contains(a.said(), "2 is 1") {
				offline = passed + time.Second
			}
		}
		assert.True(t, "offline after "+offline.String(), offline > 30*time.Second && offline <= 45*time.Second)
		b.send(beat)
		h.pass(3 * time.Second)
		assert.True(t, "there again", slices.Contains(a.said(), "2 is 3"))
	})
}
