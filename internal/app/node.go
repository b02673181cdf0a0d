package app

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"

	"github.com/throng-im/throng/internal/account"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/cluster"
	"github.com/throng-im/throng/internal/presence"
	"github.com/throng-im/throng/internal/store/near"
)

// wordsWaiting bounds what waits to be told to other nodes, and what waits here to be acted upon. What does not fit is let go of: it
// only makes faster what each node finds by itself, as it reads what was revoked once a second ([account.Revocations]).
const wordsWaiting = 4_096

// node is this process among the nodes of its deployment: it tells the others what they have to forget, and takes what they tell it.
// A deployment of one tells nobody.
type node struct {
	// immutable after construction
	self   cluster.Node
	routes cluster.Routes
	bus    cluster.Bus
	ring   *near.Ring // nil where there is none
	log    *slog.Logger
	out    chan *cluster.Delivery
	in     chan *cluster.Delivery
	older  chan cluster.Replaced // on other nodes

	// set while wiring
	gateway  cluster.Receiver
	presence *presence.Hub
	revoked  func(ctx context.Context, r account.Revocation)
	forgets  func(id chat.ConversationID)                                 // must not block
	unsees   func(id chat.ConversationID, reader chat.UserID)             // must not block
	replaces func(user chat.UserID, device chat.DeviceID, session uint64) // must not block
	relays   func(lanes uint64)                                           // nil where there is no outbox
	asked    func(d *cluster.Delivery)                                    // a question about an entry, or an answer; must not block
}

func newNode(e *engine, log *slog.Logger) *node {
	return &node{
		self: e.node, routes: e.routes, bus: e.bus, ring: e.ring, log: log, relays: e.relays,
		out: make(chan *cluster.Delivery, wordsWaiting), in: make(chan *cluster.Delivery, wordsWaiting),
		older: make(chan cluster.Replaced, wordsWaiting),
	}
}

// revoke tells the other nodes that devices lost their right to be connected.
func (n *node) revoke(r account.Revocation) {
	n.tell(&cluster.Delivery{Kind: cluster.DeliverRevoke, Users: []chat.UserID{r.User}, Devices: r.Devices, Reason: r.Reason})
}

// forget tells them that content of a conversation has gone without an entry.
func (n *node) forget(id chat.ConversationID) {
	if n.ring != nil {
		n.ring.Drop(id)
	}
	n.tell(&cluster.Delivery{Kind: cluster.DeliverForget, Conversation: id})
}

// hidden tells them that a user has deleted entries of a conversation.
func (n *node) hidden(id chat.ConversationID, reader chat.UserID) {
	n.tell(&cluster.Delivery{Kind: cluster.DeliverHidden, Conversation: id, Users: []chat.UserID{reader}})
}

// replaced ends a session that a newer one has replaced, here, or has its node told. What is let go of that node finds as it reports.
func (n *node) replaced(r cluster.Replaced) {
	if r.Node == n.self {
		n.replaces(r.User, r.Device, r.Session)
		return
	}
	select {
	case n.older <- r:
	default:
		n.log.Debug("too many sessions were replaced at once; their nodes will find out by themselves", "node", r.Node)
	}
}

// tellOlder tells a node that one of its sessions was replaced. Where the node is gone, nobody hears it.
func (n *node) tellOlder(ctx context.Context, r cluster.Replaced) {
	err := n.bus.Deliver(ctx, r.Node, &cluster.Delivery{
		Kind: cluster.DeliverReplaced, Users: []chat.UserID{r.User}, Devices: []chat.DeviceID{r.Device}, Session: r.Session,
	})
	if err != nil && ctx.Err() == nil {
		n.log.Debug("a node was not told of a newer session; it will find out by itself", "node", r.Node, "error", err)
	}
}

func (n *node) tell(d *cluster.Delivery) {
	select {
	case n.out <- d:
	default:
		n.log.Warn("too much to tell other nodes; they will find out by themselves", "kind", d.Kind)
	}
}

// Receive implements [cluster.Receiver]: what concerns connections goes to the gateway, in order. What was revoked waits for [node.run],
// since it may take a look into the database each, and deliveries must not wait for it.
func (n *node) Receive(ctx context.Context, d *cluster.Delivery) error {
	switch d.Kind {
	case cluster.DeliverWake:
		if n.relays != nil {
			n.relays(d.Lanes)
		}
		return nil
	case cluster.DeliverAsk, cluster.DeliverTell:
		n.asked(d)
		return nil
	case cluster.DeliverPresence:
		n.presence.Apply(presence.Decode(d.Told))
		n.presence.Doubt(d.Users)
		return nil
	case cluster.DeliverForget:
		if n.ring != nil {
			n.ring.Drop(d.Conversation)
		}
		n.forgets(d.Conversation)
		return nil
	case cluster.DeliverHidden:
		for _, u := range d.Users {
			n.unsees(d.Conversation, u)
		}
		return nil
	case cluster.DeliverReplaced:
		for _, u := range d.Users {
			for _, device := range d.Devices {
				n.replaces(u, device, d.Session)
			}
		}
		return nil
	case cluster.DeliverRevoke:
		select {
		case n.in <- d:
		default:
			n.log.Warn("too much was revoked on other nodes at once; this one finds the rest by itself", "users", len(d.Users))
		}
		return nil
	default:
		if n.ring != nil && d.Kind == cluster.DeliverEntry {
			n.ring.Note(d.Entry, d.Head) // before anybody is told, and pulls
		}
		if d.Kind == cluster.DeliverEntry {
			if _, out := d.Entry.Moves(); len(out) > 0 {
				n.presence.Left(d.Conversation, out)
			}
		}
		return n.gateway.Receive(ctx, d)
	}
}

// run tells and acts until ctx ends, side by side: telling waits for the bus, and acting for the database.
func (n *node) run(ctx context.Context) error {
	var acting sync.WaitGroup
	defer acting.Wait()
	acting.Go(func() { each(ctx, n.in, n.act) })
	acting.Go(func() { each(ctx, n.older, n.tellOlder) })
	each(ctx, n.out, n.broadcast)
	return nil
}

// each does something with each word of a channel until ctx ends.
func each[T any](ctx context.Context, list <-chan T, do func(ctx context.Context, word T)) {
	for {
		select {
		case word := <-list:
			do(ctx, word)
		case <-ctx.Done():
			return
		}
	}
}

// broadcast takes a delivery to every other node.
func (n *node) broadcast(ctx context.Context, d *cluster.Delivery) {
	nodes, err := n.routes.All(ctx, nil)
	nodes = slices.DeleteFunc(nodes, func(to cluster.Node) bool { return to == n.self })
	err = errors.Join(err, tell(ctx, n.bus, nodes, d))
	if err != nil && ctx.Err() == nil {
		n.log.Warn("other nodes were not told; they will find out by themselves", "error", err)
	}
}

// tell takes a delivery to nodes, together, and returns the errors of those that it did not come to.
func tell(ctx context.Context, bus cluster.Bus, nodes []cluster.Node, d *cluster.Delivery) error {
	parcels := make([]cluster.Parcel, len(nodes))
	for i, n := range nodes {
		parcels[i] = cluster.Parcel{Node: n, Delivery: d}
	}
	bus.Post(ctx, parcels)
	var err error
	for i := range parcels {
		err = errors.Join(err, parcels[i].Err)
	}
	return err
}

// act has this node forget whom another one signed out.
func (n *node) act(ctx context.Context, d *cluster.Delivery) {
	for _, u := range d.Users {
		n.revoked(ctx, account.Revocation{User: u, Devices: d.Devices, Reason: d.Reason})
	}
}
