package cluster

import (
	"context"
	"time"
)

// Registry knows the nodes of a deployment. All methods may be called from any goroutine.
//
//   - REG-1 After Announce, Nodes on every node shows the info until it is replaced, or until the node is gone for longer than
//     its lease, 10 s at most.
//   - REG-2 Nodes always shows this node, as it announced itself last.
type Registry interface {
	// Nodes returns the live nodes, by name. It may be up to a second old.
	Nodes(ctx context.Context) ([]Info, error)
	// Announce says what this node is, and keeps saying it. It does not wait for others to see it.
	Announce(info Info)
}

// Info is what a node says of itself.
type Info struct {
	Node Node
	// Roles are what it does: gateway, worker; none is all.
	Roles []string
	// URL is where sessions on this very node begin, a whole WebSocket URL; empty where only the balancer may be used.
	URL string
	// Zone is where it stands, such as a data centre; clients of the same zone are sent to it first.
	Zone string
	// Version of the program; Label is what grayscale goes by, the version where nothing else was set.
	Version string
	Label   string
	// Weight is its share of new connections among equals; 0 takes none.
	Weight int
	// Connections it has now, and the most that it takes.
	Connections int
	Capacity    int
	// Lanes are those of the outbox that it relays, a bit for each.
	Lanes uint64
	// Behind is for how long the oldest of their events has been waiting to be published.
	Behind time.Duration
	// Draining: it is about to stop, and takes no new connections.
	Draining bool
	Started  time.Time
}
