package gateway_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/cluster"
	"github.com/throng-im/throng/internal/gateway"
	"github.com/throng-im/throng/internal/wire"
)

// crowdOf has people enter who have a large conversation open, and one more who is not in it.
func crowdOf(h *forum, people int) (guests []*guest, other *guest) {
	other = h.enter(uint64(people+1), wire.Proto)
	for i := range people {
		user := chat.UserID(i + 1)
		h.member(big, 1, user)
		g := h.enter(uint64(user), wire.Proto)
		g.focus(uint64(big))
		g.said()
		guests = append(guests, g)
	}
	return guests, other
}

// lastOf is the number of the last write to one of some guests.
func lastOf(guests []*guest) (at int) {
	for _, g := range guests {
		at = max(at, g.at)
	}
	return at
}

// personal is an entry of a small conversation.
func personal(id chat.ConversationID, seq chat.Seq, users ...chat.UserID) *cluster.Delivery {
	d := content(id, seq, chat.TierSmall)
	d.Users = users
	return d
}

// DLV-24, DLV-3, DLV-10: where a large conversation becomes a medium one while a round is under way, what follows comes behind the round
// to everybody, and others need not wait for either.
func TestASwitchOfTierBehindARoundUnderWay(t *testing.T) {
	t.Parallel()
	inForum(t, func(c *gateway.Config, _ *gateway.Deps) { c.Loops = 1 }, func(h *forum) {
		const people = 1_000
		guests, other := crowdOf(h, people)
		silent := guests[0]
		silent.focus()
		silent.said()
		h.onTake(func() { // a slice of the first round has gone out
			h.deliver(content(big, 2, chat.TierMedium))
			h.deliver(content(big, 3, chat.TierMedium))
			h.deliver(personal(5, 1, people+1))
			h.deliver(&cluster.Delivery{Kind: cluster.DeliverLeave, Conversation: big, Users: []chat.UserID{2, people}})
			h.deliver(content(big, 4, chat.TierLarge))
			h.deliver(content(big, 5, chat.TierMedium))
		})
		h.deliver(content(big, 1, chat.TierLarge))
		h.pass(time.Second)
		assert.True(t, "another one is served meanwhile", other.at < lastOf(guests)-people)
		assert.Equal(t, "what that one gets", other.said(), []string{"entry 1"})
		assert.Equal(t, "who has it not open", silent.said(), []string{"entry 2", "entry 3", "entry 5"})
		for i, g := range guests[1:] {
			want := []string{"entry 1", "entry 2", "entry 3", "entry 4", "entry 5"}
			if i == 0 || i == people-2 {
				want = want[:3]
			}
			assert.Equal(t, "who has it open", g.said(), want)
		}
	})
}

// DLV-24, DLV-3, DLV-10: the same where it becomes a small one, and grows again before all subscriptions have ended.
func TestADisbandBehindARoundUnderWay(t *testing.T) {
	t.Parallel()
	inForum(t, func(c *gateway.Config, _ *gateway.Deps) { c.Loops = 1 }, func(h *forum) {
		const people = 1_000
		guests, other := crowdOf(h, people)
		h.onTake(func() {
			h.deliver(&cluster.Delivery{Kind: cluster.DeliverDisband, Conversation: big})
			h.deliver(personal(5, 1, people+1))
			h.deliver(personal(big, 2, 1, 2, 3, people))
			h.deliver(&cluster.Delivery{Kind: cluster.DeliverEnter, Conversation: big, Users: []chat.UserID{3, 4}, From: 3})
			h.deliver(content(big, 3, chat.TierLarge))
			h.deliver(&cluster.Delivery{Kind: cluster.DeliverLeave, Conversation: big, Users: []chat.UserID{5}})
		})
		h.deliver(content(big, 1, chat.TierLarge))
		h.pass(time.Second)
		assert.True(t, "another one is served meanwhile", other.at < lastOf(guests)-people/4)
		assert.Equal(t, "what that one gets", other.said(), []string{"entry 1"})
		for i, g := range guests {
			want := []string{"entry 1"}
			switch i + 1 {
			case 1, 2, people:
				want = []string{"entry 1", "entry 2"}
			case 3:
				want = []string{"entry 1", "entry 2", "entry 3"}
			case 4:
				want = []string{"entry 1", "entry 3"}
			}
			assert.Equal(t, "who was there", g.said(), want)
		}
		subscribed, open := h.gateway.Audience(big)
		assert.Equal(t, "the audience", [2]int{subscribed, open}, [2]int{2, 2})
		guests[3].focus()
		guests[9].focus()
		guests[9].said()
		guests[9].focus(uint64(big))
		subscribed, open = h.gateway.Audience(big)
		assert.Equal(t, "when one has closed it", [2]int{subscribed, open}, [2]int{2, 1})
		h.deliver(&cluster.Delivery{Kind: cluster.DeliverDisband, Conversation: big})
		synctest.Wait()
		subscribed, open = h.gateway.Audience(big)
		assert.Equal(t, "in the end", [2]int{subscribed, open}, [2]int{0, 0})
	})
}

// DLV-3: who leaves while an entry is on its way through a group gets it once, whether its turn was over or still to come.
func TestALeaveWhileAnEntryIsUnderWay(t *testing.T) {
	t.Parallel()
	inForum(t, func(c *gateway.Config, _ *gateway.Deps) { c.Loops = 1 }, func(h *forum) {
		const people = 1_000
		guests, _ := crowdOf(h, people)
		had := func(g *guest) bool {
			h.mu.Lock()
			defer h.mu.Unlock()
			return len(g.told) == 2
		}
		last := guests[people-1] // the walk goes downward
		var leave func()
		leave = func() {
			if !had(last) {
				h.onTake(leave)
				return
			}
			assert.True(t, "the first one's turn is still to come", !had(guests[0]))
			h.deliver(&cluster.Delivery{Kind: cluster.DeliverLeave, Conversation: big, Users: []chat.UserID{1, people}})
			h.deliver(content(big, 3, chat.TierMedium))
		}
		h.onTake(func() {
			h.deliver(content(big, 2, chat.TierMedium))
			h.onTake(leave)
		})
		h.deliver(content(big, 1, chat.TierLarge))
		h.pass(time.Second)
		for i, g := range guests {
			want := []string{"entry 1", "entry 2", "entry 3"}
			if i == 0 || i == people-1 {
				want = want[:2]
			}
			assert.Equal(t, "what each gets", g.said(), want)
		}
	})
}

// DLV-8: what waits behind a round that is under way for long has a bound, beyond which it is told as a hint.
func TestManyEntriesBehindARoundUnderWay(t *testing.T) {
	t.Parallel()
	inForum(t, func(c *gateway.Config, _ *gateway.Deps) { c.Loops = 1 }, func(h *forum) {
		const people, entries = 300, 200
		guests, _ := crowdOf(h, people)
		h.onTake(func() {
			for seq := range chat.Seq(entries) {
				h.deliver(content(big, seq+2, chat.TierMedium))
			}
		})
		h.deliver(content(big, 1, chat.TierLarge))
		h.pass(2 * time.Second)
		for _, g := range guests {
			got := g.said()
			assert.Equal(t, "the end", got[len(got)-1], "hint 201")
			assert.Equal(t, "what comes by itself", len(got), 1+64+1)
		}
	})
}

// DLV-10: a group that is larger than a medium one gets by itself is delivered to, and disbanded, in slices: the loop does other things
// meanwhile.
func TestALargeGroupIsWalkedInSlices(t *testing.T) {
	t.Parallel()
	const people = 10_500
	h, _ := newHall(t, people, func(c *gateway.Config) { c.Loops = 1 })
	h.back.mu.Lock()
	h.back.subs[people+1] = nil
	h.back.mu.Unlock()
	h.enter(people + 1)
	h.until("all are there", func() bool { return h.takes.Load() == people+1 })
	type seen struct{ walks, leaving int }
	look := make(chan seen, 1)
	told := 0
	follow := func(what *cluster.Delivery) seen {
		hook := func(key uint64) { // on the loop: what is given to it now comes in one pass
			if key != people+1 {
				return
			}
			if told++; told%2 == 1 {
				if err := h.gateway.Receive(t.Context(), what); err != nil {
					t.Error(err)
				}
				if err := h.gateway.Receive(t.Context(), personal(5, chat.Seq(told+1), people+1)); err != nil {
					t.Error(err)
				}
				return
			}
			var s seen
			s.walks, s.leaving = h.gateway.UnderWay()
			look <- s
		}
		h.hook.Store(&hook)
		if err := h.gateway.Receive(t.Context(), personal(5, chat.Seq(told+1), people+1)); err != nil {
			t.Fatal(err)
		}
		return <-look
	}
	got := follow(content(big, 1, chat.TierMedium))
	assert.Equal(t, "groups that are being delivered to", got.walks, 1)
	h.until("all have it", func() bool { return h.takes.Load() == 2*people+3 })
	got = follow(&cluster.Delivery{Kind: cluster.DeliverDisband, Conversation: big})
	assert.True(t, "who is still subscribed", got.leaving > people/2)
	subscribed, _ := h.gateway.Audience(big)
	assert.Equal(t, "the audience", subscribed, 0)
}

// DLV-10: what goes to a whole group has its part of the writes, however many connections have something of their own all the time.
func TestAGroupIsWrittenToWhileOthersAreBusy(t *testing.T) {
	t.Parallel()
	const people, busy, enough = 300, 600, 40_000
	h, _ := newHall(t, people, func(c *gateway.Config) {
		c.Loops, c.MaxPerAddress, c.MaxPending, c.MaxPendingPerAddress = 1, people+busy, people+busy, people+busy
	})
	for i := range busy {
		h.back.mu.Lock()
		h.back.subs[chat.UserID(people+1+i)] = nil
		h.back.mu.Unlock()
		h.enter(people + 1 + i)
	}
	h.until("all are there", func() bool { return h.takes.Load() == people+busy })
	own, group, seq := 0, 0, chat.Seq(0)
	over := make(chan int, 1)
	hook := func(key uint64) { // on the loop
		if key <= people {
			if group++; group == people {
				over <- own
			}
			return
		}
		own++
		if own == enough {
			close(over)
		}
		if own >= enough || group >= people {
			return
		}
		seq++
		if err := h.gateway.Receive(t.Context(), personal(5, seq, chat.UserID(key))); err != nil {
			t.Error(err)
		}
		if own == busy {
			if err := h.gateway.Receive(t.Context(), content(big, 1, chat.TierMedium)); err != nil {
				t.Error(err)
			}
		}
	}
	h.hook.Store(&hook)
	for i := range busy {
		if err := h.gateway.Receive(t.Context(), personal(5, 1, chat.UserID(people+1+i))); err != nil {
			t.Fatal(err)
		}
	}
	writes, ok := <-over
	assert.True(t, "all of the group are written to", ok)
	assert.True(t, "before long", writes < 4*(busy+people))
}
