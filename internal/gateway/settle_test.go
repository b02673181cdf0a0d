package gateway_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/cluster"
	"github.com/throng-im/throng/internal/gateway"
	"github.com/throng-im/throng/internal/store/local"
	"github.com/throng-im/throng/internal/wire"
)

// notary is a registrar whose routes of groups are seen by others when a flush is let through.
type notary struct {
	*local.Routes

	let chan error // what the flushes that have to wait return, one by one

	// guarded by mu
	mu      sync.Mutex
	said    []chat.ConversationID // what nobody sees yet
	flushes int
}

func (n *notary) AttachGroup(id chat.ConversationID) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.said = append(n.said, id)
}

func (n *notary) Settled() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.said) == 0
}

func (n *notary) Flush(context.Context) error {
	n.mu.Lock()
	n.flushes++
	said := slices.Clone(n.said)
	n.mu.Unlock()
	if len(said) == 0 {
		return nil
	}
	if err := <-n.let; err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, id := range said {
		n.Routes.AttachGroup(id)
	}
	n.said = slices.DeleteFunc(n.said, func(id chat.ConversationID) bool { return slices.Contains(said, id) })
	return nil
}

// say delivers as a fan-out does that looks at the routes first.
func (n *notary) say(h *forum, d *cluster.Delivery) {
	h.t.Helper()
	nodes, err := n.Group(h.t.Context(), d.Conversation, nil)
	assert.NoError(h.t, "routes", err)
	if len(nodes) > 0 {
		h.deliver(d)
	}
}

// A session counts as open when the routes of its groups are visible to every node: what comes after that it gets, what came before it
// syncs. Where there is nothing to wait for nothing waits.
func TestASessionOpensWhenItsRoutesAreVisible(t *testing.T) {
	t.Parallel()
	n := &notary{Routes: local.NewRoutes("n1")}
	inForum(t, func(_ *gateway.Config, d *gateway.Deps) { d.Routes = n }, func(h *forum) {
		n.let = make(chan error)
		h.member(7, 1, 1, 2, 3)
		open := func(key int) *guest { return h.knock(uint64(key), wire.Proto, tokenOf(key)) }
		one := open(1)
		assert.Equal(h.t, "while nobody sees the route", len(one.said()), 0)
		two := open(2) // it finds the group there
		assert.Equal(h.t, "another, too", len(two.said()), 0)
		n.say(h, content(7, 2, chat.TierMedium))
		n.let <- nil
		n.let <- nil
		synctest.Wait()
		n.say(h, content(7, 3, chat.TierMedium))
		assert.Equal(h.t, "then", one.said(), []string{"authenticate", "entry 3"})
		assert.Equal(h.t, "then, the other", two.said(), []string{"authenticate", "entry 3"})
		assert.Equal(h.t, "flushes", n.flushes, 3) // the other one's first was after the group's route

		assert.Equal(h.t, "whose groups are known", open(3).said(), []string{"authenticate"})
		assert.Equal(h.t, "who has no groups", open(4).said(), []string{"authenticate"})
		assert.Equal(h.t, "flushes of these", n.flushes, 5)

		h.member(8, 1, 5)
		five := open(5)
		synctest.Wait()
		n.let <- chat.Errorf(chat.CodeInternal, chat.ReasonInternal, "the routes are broken")
		assert.Equal(h.t, "whose routes stay unseen", five.said()[:2], []string{"error internal", "closing"})
	})
}

// Where the routes cannot be shown to other nodes, sessions open all the same. They look for what they missed once the routes are visible.
func TestSessionsOpenWhileRoutesAreAway(t *testing.T) {
	t.Parallel()
	n := &notary{Routes: local.NewRoutes("n1")}
	inForum(t, func(_ *gateway.Config, d *gateway.Deps) { d.Routes = n }, func(h *forum) {
		n.let = make(chan error)
		away := chat.Errorf(chat.CodeUnavailable, chat.ReasonStorageUnavailable, "the routes are away")
		h.member(7, 1, 1)
		one := h.knock(1, wire.Proto, tokenOf(1))
		n.let <- away
		synctest.Wait()
		assert.Equal(h.t, "while they are away", one.said(), []string{"authenticate"})
		for range 3 { // it is tried each second
			n.let <- away
		}
		assert.Equal(h.t, "still", len(one.said()), 0)
		n.let <- nil
		h.pass(2 * time.Second)
		assert.Equal(h.t, "once they are visible", one.said(), []string{"sync"})
		n.say(h, content(7, 2, chat.TierMedium))
		assert.Equal(h.t, "and from then on", one.said(), []string{"entry 2"})
	})
}

// A session that is looked up again is told so when its routes are visible: what it syncs then lies before all that it will get.
func TestALookupWaitsForItsRoutes(t *testing.T) {
	t.Parallel()
	n := &notary{Routes: local.NewRoutes("n1")}
	inForum(t, func(_ *gateway.Config, d *gateway.Deps) { d.Routes = n }, func(h *forum) {
		n.let = make(chan error)
		g := h.enter(1, wire.Proto)
		h.member(7, 1, 1)
		h.gateway.Resync()
		h.pass(2 * time.Second)
		assert.Equal(h.t, "while nobody sees the route", len(g.said()), 0)
		h.gateway.Resync() // what is on its way is not enough
		synctest.Wait()
		n.let <- nil
		h.pass(2 * time.Second)
		n.let <- chat.Errorf(chat.CodeInternal, chat.ReasonInternal, "the routes are broken")
		h.pass(2 * time.Second)
		assert.Equal(h.t, "nor now", len(g.said()), 0)
		h.pass(2 * time.Second)
		for !n.Settled() {
			n.let <- nil
			h.pass(2 * time.Second)
		}
		assert.Equal(h.t, "then", g.said(), []string{"sync"})
		n.say(h, content(7, 3, chat.TierMedium))
		assert.Equal(h.t, "and goes on", g.said(), []string{"entry 3"})
	})
}

// Who enters a conversation that the node was not subscribed to misses what comes before others see the route, and is told.
func TestAnEnterWaitsForItsRoute(t *testing.T) {
	t.Parallel()
	n := &notary{Routes: local.NewRoutes("n1")}
	inForum(t, func(c *gateway.Config, d *gateway.Deps) { c.Loops, d.Routes = 1, n }, func(h *forum) {
		n.let = make(chan error)
		one, two := h.enter(1, wire.Proto), h.enter(2, wire.Proto)
		enter := func(id chat.ConversationID, user chat.UserID) {
			h.deliver(&cluster.Delivery{Kind: cluster.DeliverEnter, Conversation: id, Users: []chat.UserID{user}, From: 2})
			synctest.Wait()
		}
		enter(7, 1)
		n.say(h, content(7, 2, chat.TierMedium)) // nobody sees the route: to nobody
		enter(8, 1)                              // while it is waited for
		n.let <- nil
		assert.Equal(h.t, "while the second one is not seen", len(one.said()), 0)
		n.say(h, content(7, 3, chat.TierMedium))
		n.let <- nil
		assert.Equal(h.t, "then", one.said(), []string{"entry 3", "sync"})
		enter(7, 2)
		n.say(h, content(7, 4, chat.TierMedium))
		assert.Equal(h.t, "where the route is seen", two.said(), []string{"entry 4"})
		assert.Equal(h.t, "and for the other", one.said(), []string{"entry 4"})
		assert.Equal(h.t, "flushes", n.flushes, 4)
	})
}
