package app

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/throng-im/throng/internal/account"
	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/cluster"
	"github.com/throng-im/throng/internal/store/local"
)

// nodes are the routes of a deployment whose nodes are these, and a bus that does not reach the one that is lost.
type nodes struct {
	cluster.Routes
	*local.Bus

	all  []cluster.Node
	lost cluster.Node
}

func (n nodes) All(_ context.Context, buf []cluster.Node) ([]cluster.Node, error) {
	return append(buf, n.all...), nil
}

func (n nodes) Post(ctx context.Context, parcels []cluster.Parcel) {
	cluster.PostEach(ctx, parcels, n.Deliver)
}

func (n nodes) Deliver(ctx context.Context, to cluster.Node, d *cluster.Delivery) error {
	if to == n.lost {
		return errors.New("the node is lost")
	}
	return n.Bus.Deliver(ctx, to, d)
}

// heard is what a node was told.
type heard struct {
	mu        sync.Mutex
	revoked   []account.Revocation
	forgotten []chat.ConversationID
	passed    []cluster.DeliveryKind
}

// Receive stands for the gateway.
func (h *heard) Receive(_ context.Context, d *cluster.Delivery) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.passed = append(h.passed, d.Kind)
	return nil
}

// What one node has to say reaches all others, whoever of them is lost, and not itself; deliveries pass to the gateway.
func TestNodesTellOneAnother(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		net := nodes{Bus: local.NewBus(), all: []cluster.Node{"a", "b", "c", "d"}, lost: "b"}
		ears := map[cluster.Node]*heard{}
		parts := map[cluster.Node]*node{}
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for _, name := range net.all {
			n, ear := newNode(&engine{node: name, routes: net, bus: net}, slog.New(slog.DiscardHandler)), &heard{}
			n.gateway = ear
			n.revoked = func(_ context.Context, r account.Revocation) { ear.revoked = append(ear.revoked, r) }
			n.forgets = func(id chat.ConversationID) { ear.forgotten = append(ear.forgotten, id) }
			net.Listen(name, n)
			wg.Go(func() { _ = n.run(ctx) })
			ears[name], parts[name] = ear, n
		}
		r := account.Revocation{User: 7, Devices: []chat.DeviceID{1, 2}, Reason: chat.ReasonSignedOut}
		parts["a"].revoke(r)
		parts["a"].forget(9)
		assert.NoError(t, "deliver", net.Deliver(ctx, "c", &cluster.Delivery{Kind: cluster.DeliverSync, Users: []chat.UserID{7}}))
		synctest.Wait()
		cancel()
		wg.Wait()
		for _, name := range []cluster.Node{"c", "d"} {
			assert.Equal(t, "revocations", ears[name].revoked, []account.Revocation{r})
			assert.Equal(t, "removals", ears[name].forgotten, []chat.ConversationID{9})
		}
		assert.Equal(t, "the gateway's", ears["c"].passed, []cluster.DeliveryKind{cluster.DeliverSync})
		assert.Equal(t, "told to itself", len(ears["a"].revoked)+len(ears["a"].forgotten), 0)
	})
}

// A node is told of a newer session elsewhere; what was replaced here is ended here.
func TestNodesTellOfNewerSessions(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		net := nodes{Bus: local.NewBus(), lost: "b"}
		ended := map[cluster.Node]*[]uint64{}
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		var first *node
		for _, name := range []cluster.Node{"c", "b", "a"} {
			n, list := newNode(&engine{node: name, routes: net, bus: net}, slog.New(slog.DiscardHandler)), new([]uint64)
			n.replaces = func(user chat.UserID, device chat.DeviceID, session uint64) {
				*list = append(*list, uint64(user), uint64(device), session)
			}
			net.Listen(name, n)
			wg.Go(func() { _ = n.run(ctx) })
			first, ended[name] = n, list
		}
		for _, name := range []cluster.Node{"a", "b", "c", "gone"} {
			first.replaced(cluster.Replaced{Node: name, User: 7, Device: 8, Session: 9})
		}
		synctest.Wait()
		cancel()
		wg.Wait()
		for name, want := range map[cluster.Node][]uint64{"a": {7, 8, 9}, "b": nil, "c": {7, 8, 9}} {
			assert.Equal(t, "ended by "+string(name), *ended[name], want)
		}
	})
}

// However much is revoked at once, and however long looking it up takes, deliveries do not wait for that.
func TestDeliveriesDoNotWaitForRevocations(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		net := nodes{Bus: local.NewBus()}
		n, ear := newNode(&engine{node: "a", routes: net, bus: net}, slog.New(slog.DiscardHandler)), &heard{}
		slow := make(chan struct{})
		acted := 0
		n.gateway = ear
		n.revoked = func(context.Context, account.Revocation) { <-slow; acted++ }
		n.forgets = func(id chat.ConversationID) { ear.forgotten = append(ear.forgotten, id) }
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- n.run(ctx) }()
		synctest.Wait()
		for range 3 * wordsWaiting {
			assert.NoError(t, "revoke", n.Receive(ctx, &cluster.Delivery{Kind: cluster.DeliverRevoke, Users: []chat.UserID{7}}))
		}
		assert.NoError(t, "forget", n.Receive(ctx, &cluster.Delivery{Kind: cluster.DeliverForget, Conversation: 9}))
		assert.NoError(t, "deliver", n.Receive(ctx, &cluster.Delivery{Kind: cluster.DeliverSync, Users: []chat.UserID{7}}))
		assert.Equal(t, "removals", ear.forgotten, []chat.ConversationID{9})
		assert.Equal(t, "the gateway's", ear.passed, []cluster.DeliveryKind{cluster.DeliverSync})
		close(slow)
		synctest.Wait()
		assert.True(t, "those that fitted were acted upon", acted >= wordsWaiting && acted <= wordsWaiting+1)
		cancel()
		assert.NoError(t, "run", <-ended)
	})
}
