package gateway_test

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/cluster"
	"github.com/throng-im/throng/internal/gateway"
	"github.com/throng-im/throng/internal/pressure"
	"github.com/throng-im/throng/internal/wire"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

const big = chat.ConversationID(9)

// DLV-20, DLV-21, S-33, S-34: content for those who have it open, a hint for the others, whoever sent.
func TestLargeConversationsGoToThoseWhoHaveThemOpen(t *testing.T) {
	t.Parallel()
	inForum(t, nil, func(h *forum) {
		h.member(big, 1, 1, 2, 3)
		reader, other, text := h.enter(1, wire.Proto), h.enter(2, wire.Proto), h.enter(3, wire.JSON)
		stranger := h.enter(4, wire.Proto)
		for _, g := range []*guest{reader, text, stranger} {
			g.focus(uint64(big))
			assert.Equal(t, "the answer", g.said(), []string{"focus"})
		}
		subscribed, open := h.gateway.Audience(big)
		assert.Equal(t, "the audience", [2]int{subscribed, open}, [2]int{3, 2})
		for seq := range chat.Seq(3) {
			h.deliver(content(big, seq+1, chat.TierLarge))
			synctest.Wait()
		}
		want := []string{"entry 1", "entry 2", "entry 3"}
		assert.Equal(t, "who has it open", reader.said(), want)
		assert.Equal(t, "who has it open, in JSON", text.said(), want)
		h.pass(2 * time.Second)
		assert.Equal(t, "who has not", other.said(), []string{"hint 3"})
		assert.Equal(t, "who is no member", stranger.said(), nil)

		reader.focus()
		assert.Equal(t, "who closes it", reader.said(), []string{"hint 3", "focus"})
		text.focus(13)
		assert.Equal(t, "what is refused", text.said(), []string{"hint 3", "error overloaded"})
		h.deliver(content(big, 4, chat.TierLarge))
		h.pass(2 * time.Second)
		assert.Equal(t, "who has closed it", reader.said(), []string{"hint 4"})
		assert.Equal(t, "whose new focus was refused", text.said(), []string{"entry 4"})
	})
}

// S-34: what comes while the heads are read is delivered.
func TestFocusTakesEffectBeforeTheHeadsAreRead(t *testing.T) {
	t.Parallel()
	inForum(t, nil, func(h *forum) {
		h.member(big, 1, 1)
		g := h.enter(1, wire.Proto)
		asked, answer := make(chan struct{}), make(chan struct{})
		h.back.onFocus = func() { close(asked); <-answer }
		g.focus(uint64(big))
		<-asked
		h.deliver(content(big, 7, chat.TierLarge))
		assert.Equal(t, "what came meanwhile", g.said(), []string{"entry 7"})
		close(answer)
		assert.Equal(t, "the answer", g.said(), []string{"focus"})
	})
}

// DLV-24, DLV-3: a switch of tiers overtakes nothing, and who leaves gets what there was.
func TestNothingOvertakesARound(t *testing.T) {
	t.Parallel()
	inForum(t, nil, func(h *forum) {
		h.member(big, 1, 1, 2)
		a, b := h.enter(1, wire.Proto), h.enter(2, wire.Proto)
		a.focus(uint64(big))
		b.focus(uint64(big))
		a.said()
		b.said()
		h.deliver(content(big, 1, chat.TierLarge))
		h.deliver(content(big, 2, chat.TierLarge))
		h.deliver(content(big, 3, chat.TierMedium))
		h.deliver(content(big, 4, chat.TierLarge))
		h.deliver(content(big, 5, chat.TierLarge))
		h.deliver(&cluster.Delivery{Kind: cluster.DeliverLeave, Conversation: big, Users: []chat.UserID{2}})
		h.deliver(content(big, 6, chat.TierLarge))
		assert.Equal(t, "who left", b.said(), []string{"entry 1", "entry 2", "entry 3", "entry 4", "entry 5"})
		h.deliver(&cluster.Delivery{Kind: cluster.DeliverDisband, Conversation: big})
		small := content(big, 7, chat.TierSmall)
		small.Users = []chat.UserID{1, 2}
		h.deliver(small)
		assert.Equal(t, "who stayed", a.said(), []string{"entry 1", "entry 2", "entry 3", "entry 4", "entry 5", "entry 6", "entry 7"})
		subscribed, open := h.gateway.Audience(big)
		assert.Equal(t, "the audience", [2]int{subscribed, open}, [2]int{0, 0})
	})
}

// DLV-8, DLV-10: a slow receiver holds nobody up, costs references, and ends with a hint.
func TestASlowReceiverOfALargeConversation(t *testing.T) {
	t.Parallel()
	inForum(t, nil, func(h *forum) {
		h.member(big, 1, 1, 2)
		slow, quick := h.enter(1, wire.Proto), h.enter(2, wire.Proto)
		slow.focus(uint64(big))
		quick.focus(uint64(big))
		slow.said()
		quick.said()
		slow.stall(10) // in the middle of a frame
		for seq := range chat.Seq(5) {
			h.deliver(content(big, seq+1, chat.TierLarge))
			assert.Equal(t, "the quick one", quick.said(), []string{fmt.Sprintf("entry %d", seq+1)})
		}
		assert.Equal(t, "the slow one", slow.said(), nil)
		slow.free()
		assert.Equal(t, "what it gets then", slow.said(), []string{"entry 1", "entry 2", "entry 3", "entry 4", "entry 5"})
		slow.stall(10)
		for seq := range chat.Seq(40) {
			h.deliver(content(big, seq+6, chat.TierLarge))
			synctest.Wait()
		}
		slow.free()
		assert.Equal(t, "after too much", slow.said(), []string{"entry 6", "hint 45"})
	})
}

// names are those of users, when they are let out.
type names struct {
	hold  atomic.Pointer[chan struct{}]
	asked atomic.Int32
}

func (n *names) Chunk(ctx context.Context, _ chat.ConversationID, senders []chat.UserID) (out []*throngv1.Profile) {
	n.asked.Add(1)
	if hold := n.hold.Load(); hold != nil {
		select {
		case <-*hold:
		case <-ctx.Done():
			return nil
		}
	}
	for _, u := range senders {
		out = append(out, &throngv1.Profile{User: uint64(u), Name: fmt.Sprintf("User %d", u)})
	}
	return out
}

// DLV-13: names come along; where they take too long, entries do not wait, and neither does anything else.
func TestRoundsCarryNames(t *testing.T) {
	t.Parallel()
	n := &names{}
	inForum(t, func(_ *gateway.Config, d *gateway.Deps) { d.Names = n }, func(h *forum) {
		h.member(big, 1, 1)
		g := h.enter(1, wire.Proto)
		g.focus(uint64(big))
		g.said()
		h.deliver(content(big, 1, chat.TierLarge))
		assert.Equal(t, "with names", g.said(), []string{"profile User 3", "entry 1"})
		h.pass(time.Second)
		hold := make(chan struct{})
		n.hold.Store(&hold)
		h.deliver(content(big, 2, chat.TierLarge))
		h.deliver(entry(5, 1, 3, "of another conversation", 1))
		assert.Equal(t, "what others wrote meanwhile", g.said(), []string{"entry 1"})
		h.pass(49 * time.Millisecond)
		assert.Equal(t, "before the patience ends", g.said(), nil)
		h.pass(time.Millisecond)
		assert.Equal(t, "without names", g.said(), []string{"entry 2"})
		h.pass(time.Second)
		h.deliver(content(big, 3, chat.TierLarge))
		h.deliver(content(big, 4, chat.TierLarge))
		h.deliver(content(big, 5, chat.TierMedium)) // nothing waits behind the names
		assert.Equal(t, "before a switch of the tier", g.said(), []string{"entry 3", "entry 4", "entry 5"})
		close(hold)
		assert.Equal(t, "nothing twice", g.said(), nil)
	})
}

// DLV-23: on the fourth step content above the small tier is told as hints, to all; each change is told once, and to who comes later.
func TestContentAsHints(t *testing.T) {
	t.Parallel()
	var level atomic.Int32
	inForum(t, func(_ *gateway.Config, d *gateway.Deps) {
		d.Level = func() pressure.Level { return pressure.Level(level.Load()) }
	}, func(h *forum) {
		h.member(big, 1, 1, 2)
		h.member(10, 1, 1)
		a := h.enter(1, wire.Proto)
		a.focus(uint64(big))
		a.said()
		level.Store(int32(pressure.ContentAsHints))
		h.gateway.Degrade()
		h.gateway.Degrade()
		assert.Equal(t, "what is told", a.said(), []string{"degraded 4"})
		h.deliver(content(big, 1, chat.TierLarge))
		medium := content(10, 2, chat.TierMedium)
		h.deliver(medium)
		h.deliver(entry(5, 3, 3, "small", 1))
		h.pass(2 * time.Second)
		got := a.said()
		slices.Sort(got)
		assert.Equal(t, "what is delivered", got, []string{"entry 3", "hint 1", "hint 2"})
		level.Store(int32(pressure.Calm))
		h.gateway.Degrade()
		h.deliver(content(big, 2, chat.TierLarge))
		got = a.said()
		slices.Sort(got)
		assert.Equal(t, "afterwards", got, []string{"degraded 0", "entry 2"})
	})
}

// DLV-22: a conversation whose rounds take long is batched, and everybody who has it open knows.
func TestBatchingIsTold(t *testing.T) {
	t.Parallel()
	inForum(t, nil, func(h *forum) {
		h.member(big, 1, 1, 2)
		a, b := h.enter(1, wire.Proto), h.enter(2, wire.Proto)
		a.focus(uint64(big))
		a.said()
		h.delay.Store(int64(200 * time.Millisecond)) // what a write takes, and with it a round
		for seq := range chat.Seq(100) {
			h.deliver(content(big, seq+1, chat.TierLarge))
			h.pass(20 * time.Millisecond)
		}
		h.delay.Store(0)
		got := a.said()
		assert.True(t, "it is told", slices.Contains(got, "batching 250"))
		assert.True(t, "entries come together", a.taken < 20)
		b.focus(uint64(big))
		got = b.said()
		assert.True(t, "to who opens it later", slices.Contains(got, "batching 250"))
		h.pass(5 * time.Second)
		got = a.said()
		assert.Equal(t, "and when it is over", got[len(got)-1], "batching 0")
	})
}

// One encoding for all, nothing allocated for a receiver, and each receiver written to once.
func TestARoundCostsItsReceiversNothing(t *testing.T) { // not parallel: it counts allocations
	const people, rounds = 2_000, 20
	h, list := newHall(t, people, func(c *gateway.Config) { c.Hold = 0 })
	for _, m := range list {
		m.Send(frameOf(focusOn(uint64(big))))
	}
	h.until("all are answered", func() bool { return h.takes.Load() == 2*people })
	_, open := h.gateway.Audience(big)
	assert.Equal(t, "who has it open", open, people)
	seq := chat.Seq(0)
	round := func() {
		seq++
		before := h.takes.Load()
		if err := h.gateway.Receive(t.Context(), content(big, seq, chat.TierLarge)); err != nil {
			t.Fatal(err)
		}
		h.until("all have it", func() bool { return h.takes.Load() == before+people })
	}
	for range 10 {
		round()
	}
	encoded := h.gateway.Encodings()
	if n := testing.AllocsPerRun(rounds, round); n > people/20 {
		t.Errorf("%v allocations for %d receivers", n, people)
	}
	assert.Equal(t, "encodings of so many rounds", h.gateway.Encodings()-encoded, rounds+1)
}
