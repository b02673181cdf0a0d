package gateway_test

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/cluster"
	"github.com/throng-im/throng/internal/gateway"
	"github.com/throng-im/throng/internal/pressure"
	"github.com/throng-im/throng/internal/wire"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// PRE-1, PRE-2, PRE-5, PRE-6: typing goes in and out, to those who are named or have the conversation open, and is what a node drops.
func TestTypingGoesThrough(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var typed []string
	level := pressure.Calm
	inForum(t, func(_ *gateway.Config, d *gateway.Deps) {
		d.Typing = func(user chat.UserID, device chat.DeviceID, id chat.ConversationID) {
			mu.Lock()
			defer mu.Unlock()
			typed = append(typed, fmt.Sprintf("%d on %d in %d", user, device, id))
		}
		d.Level = func() pressure.Level { mu.Lock(); defer mu.Unlock(); return level }
	}, func(h *forum) {
		h.member(big, 1, 1, 2, 3)
		open, other, text := h.enter(1, wire.Proto), h.enter(2, wire.Proto), h.enter(3, wire.JSON)
		for _, g := range []*guest{open, text} {
			g.focus(uint64(big))
			g.said()
		}
		open.send(&throngv1.ClientEnvelope{Request: &throngv1.ClientEnvelope_Typing{Typing: &throngv1.TypingRequest{Conversation: uint64(big)}}})
		assert.Equal(t, "no answer", open.said(), nil)
		mu.Lock()
		assert.Equal(t, "typed", typed, []string{"1 on 1001 in 9"})
		mu.Unlock()

		group := &cluster.Delivery{Kind: cluster.DeliverTyping, Conversation: big, User: 1, Device: 1001}
		told := func(what string, d *cluster.Delivery, a, b, c []string) {
			t.Helper()
			h.deliver(d)
			synctest.Wait()
			assert.Equal(t, what+": 1", open.said(), a)
			assert.Equal(t, what+": 2", other.said(), b)
			assert.Equal(t, what+": 3", text.said(), c)
		}
		one := []string{"1 types"}
		told("who has it open, themselves apart", group, nil, nil, one)
		missed := *group
		missed.MemberWas = 1_000
		told("a member change that was not seen", &missed, nil, nil, nil)
		small := &cluster.Delivery{Kind: cluster.DeliverTyping, Conversation: 7, User: 1, Device: 1001, Users: []chat.UserID{2, 3, 44}, MemberWas: 1}
		told("who is named", small, nil, one, one)
		nobody := *small
		nobody.Users = []chat.UserID{}
		told("nobody is named", &nobody, nil, nil, nil)

		text.stall(0)
		h.deliver(content(big, 1, chat.TierMedium))
		synctest.Wait()
		told("a busy transport", small, []string{"entry 1"}, []string{"entry 1", "1 types"}, nil)
		text.free()
		assert.Equal(t, "content only", text.said(), []string{"entry 1"})

		mu.Lock()
		level = pressure.TypingOff
		mu.Unlock()
		told("left out", small, nil, nil, nil)
	})
}
