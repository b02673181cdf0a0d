package gateway_test

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/cluster"
	"github.com/throng-im/throng/internal/gateway"
	"github.com/throng-im/throng/internal/store/local"
	"github.com/throng-im/throng/internal/wire"
)

// club is a conversation above the small tier whose deliveries are made one by one, so that a test can lose, repeat and keep them back.
type club struct {
	*forum
	reg     *prometheus.Registry
	tier    chat.Tier
	seq     chat.Seq
	changed chat.Seq // the last member change
	members map[chat.UserID]chat.Seq
}

const clubID = chat.ConversationID(9)

// inClub runs a test in a club with members 1 to n, who have it open, and 901, who is online and no member.
func inClub(t *testing.T, tier chat.Tier, n int, change func(*gateway.Config, *gateway.Deps), test func(c *club)) {
	t.Helper()
	reg := prometheus.NewRegistry()
	inForum(t, func(cfg *gateway.Config, d *gateway.Deps) {
		cfg.Loops, d.Metrics = 1, reg
		if change != nil {
			change(cfg, d)
		}
	}, func(h *forum) {
		c := &club{forum: h, reg: reg, tier: tier, seq: 1, changed: 1, members: map[chat.UserID]chat.Seq{}}
		h.allowed = func(key, seq uint64) bool {
			from, in := c.members[chat.UserID(key)]
			return in && chat.Seq(seq) >= from
		}
		for u := chat.UserID(1); u <= chat.UserID(n); u++ {
			c.join(1, u)
			c.come(u)
		}
		c.come(901)
		test(c)
	})
}

// come opens a session of a user, who has the club open.
func (c *club) come(user chat.UserID) {
	c.t.Helper()
	g := c.enter(uint64(user), wire.Proto)
	g.focus(uint64(clubID))
	g.said()
}

// subscribe has the backend say who is a member, but for some.
func (c *club) subscribe(but ...chat.UserID) {
	c.back.mu.Lock()
	defer c.back.mu.Unlock()
	clear(c.back.subs)
	for u, from := range c.members {
		if slices.Contains(but, u) {
			continue
		}
		c.back.subs[u] = []gateway.Subscription{{Conversation: clubID, From: from, MemberSeq: c.changed}}
	}
}

// entry is the next entry by group route.
func (c *club) entry(body chat.Body) *cluster.Delivery {
	c.seq++
	d := content(clubID, c.seq, c.tier)
	d.Entry.Body, d.MemberWas = body, c.changed
	if _, ok := body.(chat.MembersChanged); ok {
		c.changed = c.seq
	}
	d.Head.MemberSeq = c.changed
	return d
}

// text is a message.
func (c *club) text() *cluster.Delivery {
	return c.entry(chat.Text{Text: "words"})
}

// add makes users members; it returns what the fan-out delivers then.
func (c *club) add(users ...chat.UserID) (enter, entry *cluster.Delivery) {
	entry = c.entry(chat.MembersChanged{Action: chat.MemberAdded, Users: users})
	c.join(c.seq, users...)
	return &cluster.Delivery{Kind: cluster.DeliverEnter, Conversation: clubID, Users: users, From: c.seq, MemberWas: entry.MemberWas}, entry
}

// join has users be members from a seq on.
func (c *club) join(from chat.Seq, users ...chat.UserID) {
	c.mu.Lock()
	for _, u := range users {
		c.members[u] = from
	}
	c.mu.Unlock()
	c.subscribe()
}

// remove ends memberships; it returns what the fan-out delivers then.
func (c *club) remove(users ...chat.UserID) (entry, leave *cluster.Delivery) {
	entry = c.entry(chat.MembersChanged{Action: chat.MemberRemoved, Users: users})
	c.subscribe(users...)
	return entry, &cluster.Delivery{Kind: cluster.DeliverLeave, Conversation: clubID, Users: users, From: c.seq, MemberWas: entry.MemberWas}
}

// removed has those whom [club.remove] took out learn of nothing more.
func (c *club) removed(users ...chat.UserID) {
	c.pass(10 * time.Millisecond) // what goes before is written
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, u := range users {
		delete(c.members, u)
	}
}

// told delivers and asserts what users were told by that, once everything is still.
func (c *club) told(what string, ds []*cluster.Delivery, want map[uint64]string) {
	c.t.Helper()
	for _, d := range ds {
		c.deliver(d)
	}
	c.pass(1500 * time.Millisecond)
	for key, g := range c.guests {
		got := slices.DeleteFunc(g.said(), func(s string) bool { return s == "batching 0" })
		if fmt.Sprint(got) != "["+want[key]+"]" {
			c.t.Errorf("%s: user %d was told %q, want [%s]", what, key, got, want[key])
		}
	}
}

// counted is what a counter of the gateway says.
func (c *club) counted(name string) int {
	families, err := c.reg.Gather()
	assert.NoError(c.t, "metrics", err)
	for _, f := range families {
		if f.GetName() == "throng_gateway_"+name {
			return int(f.GetMetric()[0].GetCounter().GetValue())
		}
	}
	c.t.Errorf("there is no %s", name)
	return 0
}

func list(ds ...*cluster.Delivery) []*cluster.Delivery { return ds }

var tiers = map[string]chat.Tier{"medium": chat.TierMedium, "large": chat.TierLarge}

// inClubs runs a test in a medium and in a large club.
func inClubs(t *testing.T, n int, test func(c *club)) {
	t.Helper()
	for name, tier := range tiers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inClub(t, tier, n, nil, test)
		})
	}
}

// I6: who was removed gets nothing more, also where the delivery that says so got lost, alone or with the entry. The others get a hint
// instead of the entry that shows it, and go on.
func TestALostLeave(t *testing.T) {
	t.Parallel()
	for _, lost := range []string{"leave", "leave and entry"} {
		t.Run(lost, func(t *testing.T) {
			t.Parallel()
			inClubs(t, 3, func(c *club) {
				c.told("before", list(c.text()), map[uint64]string{1: "entry 2", 2: "entry 2", 3: "entry 2"})
				if entry, _ := c.remove(3); lost == "leave" {
					c.told("the removal", list(entry), map[uint64]string{1: "entry 3", 2: "entry 3", 3: "entry 3"})
				}
				c.removed(3)
				c.told("the next", list(c.text()), map[uint64]string{1: "sync", 2: "sync", 3: "sync"})
				c.told("after that", list(c.text()), map[uint64]string{1: "entry 5", 2: "entry 5"})
				assert.Equal(c.t, "rechecks", c.counted("rechecks_total"), 1)
				assert.Equal(c.t, "sessions looked up", c.counted("lookups_total"), 3)
			})
		})
	}
}

// What repeats, and what comes as it should, raises no alarm.
func TestNoFalseAlarms(t *testing.T) {
	t.Parallel()
	inClubs(t, 3, func(c *club) {
		all := func(n int) map[uint64]string {
			s := fmt.Sprintf("entry %d", n)
			return map[uint64]string{1: s, 2: s, 3: s}
		}
		first := c.text()
		c.told("a message", list(first), all(2))
		enter, entry := c.add(4)
		c.told("somebody comes who is elsewhere", list(enter, entry), all(3))
		c.told("again", list(first, enter, entry), nil)
		entry, leave := c.remove(4)
		c.told("and goes", list(entry), all(4)) // the leave goes to where there is a session
		c.told("a message", list(c.text()), all(5))
		c.told("late", list(enter, entry, leave), nil)
		role := c.entry(chat.MembersChanged{Action: chat.MemberRole, Role: chat.RoleAdmin, Users: []chat.UserID{2}})
		c.told("an admin", list(role), all(6))
		old := leave
		entry, leave = c.remove(3)
		c.told("one of them goes", list(entry, old, leave), all(7))
		c.removed(3)
		c.told("a message", list(c.text()), map[uint64]string{1: "entry 8", 2: "entry 8"})
		enter, entry = c.add(3)
		c.told("and comes back", list(enter, entry), all(9))
		c.told("late", list(leave), nil)
		entry, _ = c.remove(2)
		c.deliver(entry)
		c.guests[2].said()
		c.guests[2].conn.Close() // so that nobody is there to be told
		c.removed(2)
		c.mu.Lock()
		delete(c.guests, 2)
		c.mu.Unlock()
		c.told("one closes", nil, map[uint64]string{1: "entry 10", 3: "entry 10"})
		c.told("a message", list(c.text()), map[uint64]string{1: "entry 11", 3: "entry 11"})
		c.told("small", list(&cluster.Delivery{Kind: cluster.DeliverDisband, Conversation: clubID, From: 12}), nil)
		c.entry(chat.MembersChanged{Action: chat.MemberAdded, Users: []chat.UserID{5}}) // 12, which makes it small, goes by user route
		c.entry(chat.MembersChanged{Action: chat.MemberAdded, Users: []chat.UserID{6}})
		grow := c.entry(chat.MembersChanged{Action: chat.MemberAdded, Users: []chat.UserID{7}})
		all14 := &cluster.Delivery{Kind: cluster.DeliverEnter, Conversation: clubID, Users: []chat.UserID{1, 3, 7}, From: 14, MemberWas: 13}
		c.told("and large", list(all14, grow), map[uint64]string{1: "entry 14", 3: "entry 14"})
		c.told("late", list(&cluster.Delivery{Kind: cluster.DeliverDisband, Conversation: clubID, From: 12}), nil)
		c.told("a message", list(c.text()), map[uint64]string{1: "entry 15", 3: "entry 15"})
		assert.Equal(c.t, "rechecks", c.counted("rechecks_total"), 0)
		assert.Equal(c.t, "sessions looked up", c.counted("lookups_total"), 0)
	})
}

// A delivery from before that comes late brings nobody back, and takes nobody out.
func TestLateMemberChanges(t *testing.T) {
	t.Parallel()
	inClubs(t, 2, func(c *club) {
		enter, entry := c.add(901)
		c.told("a stranger comes", list(enter, entry), map[uint64]string{1: "entry 2", 2: "entry 2", 901: "entry 2"})
		entry, leave := c.remove(901)
		c.told("and goes", list(entry, leave), map[uint64]string{1: "entry 3", 2: "entry 3", 901: "entry 3"})
		c.removed(901)
		c.told("the enter comes late", list(enter), map[uint64]string{901: "sync"})
		c.told("a message", list(c.text()), map[uint64]string{1: "entry 4", 2: "entry 4"})
		enter, entry = c.add(901)
		c.told("the stranger comes again", list(enter, entry), map[uint64]string{1: "entry 5", 2: "entry 5", 901: "entry 5"})
		c.told("the leave comes late", list(leave), nil)
		c.told("a message", list(c.text()), map[uint64]string{1: "entry 6", 2: "entry 6", 901: "entry 6"})
	})
}

// An enter that comes late to a node where nobody else is a member is found out with the next entry.
func TestALateEnterWithoutAGroup(t *testing.T) {
	t.Parallel()
	inClubs(t, 0, func(c *club) {
		enter, entry := c.add(901)
		c.told("a stranger comes", list(enter, entry), map[uint64]string{901: "entry 2"})
		entry, leave := c.remove(901)
		c.told("and goes", list(entry, leave), map[uint64]string{901: "entry 3"})
		c.removed(901)
		c.told("the enter comes late", list(enter), nil)
		c.told("a message", list(c.text()), map[uint64]string{901: "sync"})
		c.told("a message", list(c.text()), nil)
	})
}

// Who was added gets the entry that says so, and what follows, also where the enter got lost.
func TestALostEnter(t *testing.T) {
	t.Parallel()
	inClubs(t, 2, func(c *club) {
		_, entry := c.add(901)
		c.told("a stranger comes", list(entry), map[uint64]string{1: "entry 2", 2: "entry 2", 901: "entry 2"})
		c.told("a message", list(c.text()), map[uint64]string{1: "entry 3", 2: "entry 3", 901: "entry 3"})
		assert.Equal(c.t, "sessions looked up", c.counted("lookups_total"), 0)
	})
}

// A lookup that fails is made again; until then its session gets nothing of the conversation.
func TestALookupFails(t *testing.T) {
	t.Parallel()
	inClubs(t, 2, func(c *club) {
		c.add(100)
		c.back.mu.Lock()
		c.back.failure = chat.Errorf(chat.CodeUnavailable, chat.ReasonOverloaded, "not now")
		c.back.mu.Unlock()
		c.told("while the store is away", list(c.text(), c.text()), nil)
		c.back.mu.Lock()
		c.back.failure = nil
		c.back.mu.Unlock()
		c.told("when it is back", nil, map[uint64]string{1: "sync", 2: "sync"})
		c.told("a message", list(c.text()), map[uint64]string{1: "entry 5", 2: "entry 5"})
	})
}

// The members of a large group are looked up at a rate; who was not yet gets nothing, also where members come and go meanwhile.
func TestARecheckInSlices(t *testing.T) {
	t.Parallel()
	for name, tier := range tiers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			recheckInSlices(t, tier)
		})
	}
}

func recheckInSlices(t *testing.T, tier chat.Tier) {
	t.Helper()
	const people = 600
	inClub(t, tier, people, func(c *gateway.Config, _ *gateway.Deps) { c.ResyncRate = 500 }, func(c *club) {
		c.remove(7)
		c.removed(7)
		c.deliver(c.text())
		for range 10 {
			c.pass(100 * time.Millisecond)
			enter, entry := c.add(901)
			c.deliver(enter)
			c.deliver(entry)
			c.deliver(c.text())
			entry, leave := c.remove(901)
			c.deliver(entry)
			c.deliver(leave)
			c.removed(901)
		}
		synced := 0
		for u := uint64(1); u <= people; u++ {
			if said := c.guests[u].said(); len(said) > 0 {
				synced++
				assert.Equal(c.t, "the first word", said[0], "sync")
			}
		}
		assert.True(c.t, fmt.Sprintf("about a second's were looked up: %d", synced), synced > 400 && synced < 600)
		c.pass(time.Second)
		c.deliver(c.text())
		for u := uint64(1); u <= people; u++ {
			said := c.guests[u].said()
			want := fmt.Sprintf("entry %d", c.seq)
			assert.Equal(c.t, fmt.Sprintf("user %d has the last one: %q", u, said), len(said) > 0 && said[len(said)-1] == want, u != 7)
			assert.True(c.t, "one sync hint at most", len(slices.DeleteFunc(said, func(s string) bool { return s != "sync" })) <= 1)
		}
		assert.Equal(c.t, "rechecks", c.counted("rechecks_total"), 1)
	})
}

// After a resync everybody gets one hint and nothing of the conversation before that; then all is as it was.
func TestResync(t *testing.T) {
	t.Parallel()
	inClubs(t, 3, func(c *club) {
		c.remove(3)
		c.removed(3)
		c.add(901) // nothing of both was delivered
		c.gateway.Resync()
		text := c.text()
		c.told("resync", list(text), map[uint64]string{1: "sync", 2: "sync", 3: "sync", 901: "sync"})
		c.told("a message", list(c.text()), map[uint64]string{1: "entry 5", 2: "entry 5", 901: "entry 5"})
		assert.Equal(c.t, "sessions looked up", c.counted("lookups_total"), 4)
		c.gateway.Resync()
		c.gateway.Resync()
		c.told("twice", nil, map[uint64]string{1: "sync", 2: "sync", 3: "sync", 901: "sync"})
		c.told("a message", list(c.text()), map[uint64]string{1: "entry 6", 2: "entry 6", 901: "entry 6"})
	})
}

// A lookup that began before a resync, or before its group was rechecked, may not know what was missed: it is made again before the
// session opens.
func TestALookupFromBefore(t *testing.T) {
	t.Parallel()
	for name, resync := range map[string]bool{"resync": true, "recheck": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inClub(t, chat.TierMedium, 2, nil, func(c *club) {
				c.join(c.seq, 100)
				looked, held := make(chan struct{}, 10), make(chan struct{})
				c.back.mu.Lock()
				c.back.onQuery = func() { looked <- struct{}{}; <-held }
				c.back.mu.Unlock()
				c.knock(100, wire.Proto, tokenOf(100))
				<-looked // it found 100 as a member
				c.remove(100)
				c.removed(100)
				also := ""
				if resync {
					c.gateway.Resync()
					also = "sync"
				}
				c.deliver(c.text())
				synctest.Wait()
				close(held)
				c.told("it opens", nil, map[uint64]string{1: "sync", 2: "sync", 100: "authenticate", 901: also})
				c.told("a message", list(c.text()), map[uint64]string{1: "entry 4", 2: "entry 4"})
			})
		})
	}
}

// A session that ends while its subscriptions are looked up, or its routes are not visible yet, is not looked up any more.
func TestALookupOfOneWhoEnds(t *testing.T) {
	t.Parallel()
	n := &notary{Routes: local.NewRoutes("n1")}
	inClub(t, chat.TierMedium, 0, func(_ *gateway.Config, d *gateway.Deps) { d.Routes = n }, func(c *club) {
		n.let = make(chan error)
		c.join(1, 901)
		looked, held := make(chan struct{}), make(chan struct{})
		c.back.mu.Lock()
		c.back.onQuery = func() { looked <- struct{}{}; <-held }
		c.back.mu.Unlock()
		c.gateway.Resync()
		<-looked
		c.gateway.CloseUser(901)
		synctest.Wait()
		close(held)
		assert.Equal(c.t, "while it is looked up", c.guests[901].said(), []string{"closing", "closed"})

		c.back.mu.Lock()
		c.back.onQuery = nil
		c.back.mu.Unlock()
		g := c.knock(901, wire.Proto, tokenOf(901))
		synctest.Wait()
		c.gateway.CloseUser(901)
		synctest.Wait()
		n.let <- nil
		assert.Equal(c.t, "while its routes are not visible", g.said(), []string{"closing", "closed"})
		c.come(902)
		assert.Equal(c.t, "sessions looked up", c.counted("lookups_total"), 1)
	})
}
