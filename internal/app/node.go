package app

import (
	"context"
	"errors"
	"log/slog"

	"github.com/throng-im/throng/internal/account"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/cluster"
)

// wordsWaiting bounds what waits to be told to other nodes, and what waits here to be acted upon. What does not fit is let go of: it
// only makes faster what each node finds by itself within seconds (account.cache_for), or what a restart of a cache brings.
const wordsWaiting = 4_096

// node is this process among the nodes of its deployment: it tells the others what they have to forget, and takes what they tell it.
// A deployment of one tells nobody.
type node struct {
	// immutable after construction
	self   cluster.Node
	routes cluster.Routes
	bus    cluster.Bus
	log    *slog.Logger
	out    chan *cluster.Delivery
	in     chan *cluster.Delivery

	// set while wiring
	gateway cluster.Receiver
	revoked func(ctx context.Context, r account.Revocation)
	forgets func(id chat.ConversationID)
	relays  func(lanes uint64) // nil where there is no outbox
}

func newNode(e *engine, log *slog.Logger) *node {
	return &node{
		self: e.node, routes: e.routes, bus: e.bus, log: log, relays: e.relays,
		out: make(chan *cluster.Delivery, wordsWaiting), in: make(chan *cluster.Delivery, wordsWaiting),
	}
}

// revoke tells the other nodes that devices lost their right to be connected.
func (n *node) revoke(r account.Revocation) {
	n.tell(&cluster.Delivery{Kind: cluster.DeliverRevoke, Users: []chat.UserID{r.User}, Devices: r.Devices, Reason: r.Reason})
}

// forget tells them that content of a conversation has gone without an entry.
func (n *node) forget(id chat.ConversationID) {
	n.tell(&cluster.Delivery{Kind: cluster.DeliverForget, Conversation: id})
}

func (n *node) tell(d *cluster.Delivery) {
	select {
	case n.out <- d:
	default:
		n.log.Warn("too much to tell other nodes; they will find out by themselves", "kind", d.Kind)
	}
}

// Receive implements [cluster.Receiver]: what concerns connections goes to the gateway, in order. The rest waits for [node.run],
// since it may take a while, and deliveries must not wait for it.
func (n *node) Receive(ctx context.Context, d *cluster.Delivery) error {
	switch d.Kind {
	case cluster.DeliverWake:
		if n.relays != nil {
			n.relays(d.Lanes)
		}
		return nil
	case cluster.DeliverRevoke, cluster.DeliverForget:
	default:
		return n.gateway.Receive(ctx, d)
	}
	select {
	case n.in <- d:
		return nil
	case <-ctx.Done():
		return chat.Wrap(ctx.Err(), chat.CodeCanceled, chat.ReasonCanceled, "the caller gave up")
	}
}

// run tells and acts until ctx ends.
func (n *node) run(ctx context.Context) error {
	for {
		select {
		case d := <-n.out:
			n.broadcast(ctx, d)
		case d := <-n.in:
			n.act(ctx, d)
		case <-ctx.Done():
			return nil
		}
	}
}

// broadcast takes a delivery to every other node.
func (n *node) broadcast(ctx context.Context, d *cluster.Delivery) {
	nodes, err := n.routes.All(ctx, nil)
	for _, to := range nodes {
		if to != n.self {
			err = errors.Join(err, n.bus.Deliver(ctx, to, d))
		}
	}
	if err != nil && ctx.Err() == nil {
		n.log.Warn("other nodes were not told; they will find out by themselves", "error", err)
	}
}

func (n *node) act(ctx context.Context, d *cluster.Delivery) {
	if d.Kind == cluster.DeliverForget {
		n.forgets(d.Conversation)
		return
	}
	for _, u := range d.Users {
		n.revoked(ctx, account.Revocation{User: u, Devices: d.Devices, Reason: d.Reason})
	}
}
