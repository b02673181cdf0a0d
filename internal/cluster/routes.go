package cluster

import (
	"context"

	"github.com/throng-im/throng/internal/chat"
)

// Node names one incarnation of a node: a node that restarts is another one, so that routes to what it was lead nowhere.
type Node string

// Routes is the reading side of the routes. All methods may be called from any goroutine; they append to buf, which they
// return, and each node at most once.
//
//   - RTE-1 After Attach(u) and a Flush that returned nil, Users with u among its users includes the node, until Detach(u).
//   - RTE-2 Users and Group may name a node that has none of them any more; the node then drops the delivery.
//   - RTE-3 Users of no user, and of users that are attached nowhere, names no node.
//   - RTE-4 Resolve answers each lookup as Users or Group would. One that fails says so in Err, and does not hinder the others.
type Routes interface {
	// Users returns the nodes on which any of the users has a connection.
	Users(ctx context.Context, users []chat.UserID, buf []Node) ([]Node, error)
	// Group returns the nodes that have subscribers of a conversation above the small tier.
	Group(ctx context.Context, id chat.ConversationID, buf []Node) ([]Node, error)
	// Resolve answers many lookups, in one round trip where they are not too many.
	Resolve(ctx context.Context, lookups []Lookup)
	// All returns every live node.
	All(ctx context.Context, buf []Node) ([]Node, error)
}

// Lookup asks on which nodes any of Users has a connection or, where Group is set, which nodes have its subscribers; and takes the answer.
type Lookup struct {
	Users []chat.UserID
	Group chat.ConversationID // 0 asks for users, also where there are none
	// Nodes are appended to, each at most once. With an Err they are what is known all the same.
	Nodes []Node
	Err   error
}

// ResolveEach is [Routes.Resolve] for routes that gain nothing by answering together.
func ResolveEach(ctx context.Context, r Routes, lookups []Lookup) {
	for i := range lookups {
		l := &lookups[i]
		if l.Group != 0 {
			l.Nodes, l.Err = r.Group(ctx, l.Group, l.Nodes)
		} else {
			l.Nodes, l.Err = r.Users(ctx, l.Users, l.Nodes)
		}
	}
}

// Registrar is the writing side, for the gateway of one node. Attach and Detach never block and take effect in the order in
// which they are called; an adapter that has to tell others does so behind them, coalesced. They are idempotent, not
// counted: the gateway attaches with the first connection and detaches with the last.
type Registrar interface {
	Attach(user chat.UserID)
	Detach(user chat.UserID)
	AttachGroup(id chat.ConversationID)
	DetachGroup(id chat.ConversationID)
	// Flush returns once everything attached before the call is visible to every node.
	Flush(ctx context.Context) error
}

// Settler is a [Registrar] that knows when a Flush would not have to wait, so that nobody has to ask for one then. A registrar without
// it counts as never settled.
type Settler interface {
	// Settled reports that everything attached before the call is visible to every node.
	Settled() bool
}
