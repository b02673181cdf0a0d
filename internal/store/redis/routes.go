package redis

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/throng-im/throng/internal/cluster"
)

var (
	_ cluster.Routes    = (*Routes)(nil)
	_ cluster.Registrar = (*Routes)(nil)
	_ cluster.Settler   = (*Routes)(nil)
	_ cluster.Registry  = (*Routes)(nil)
)

// Routes are the routes and the registry as one node has them. Only the node has a lease; routes are sets of nodes, and one whose
// node has none leads nowhere. Routes are written behind [Routes.Attach] and its like, by [Routes.Run] alone.
//
//	Attach, Detach → desired, and dirty ──one writer──→ Redis: sets of nodes per user and group
//	Run each Renew → lease → who lives, in memory; whether something was lost
//	                           └→ all dirty again → written → others have seen the lease → lost()
//
// Lock order: renewing and look are held over calls to Redis; graves and the registrar's own lock over nothing.
type Routes struct {
	// immutable after construction
	client *Client
	node   cluster.Node
	lost   func()
	tags   []string // of the keys beside the lease by which losses are found
	*registrar

	renewing sync.Mutex
	replicas []string // guarded by renewing: replication ids, of the lease's server and of each tag's
	tenure   string   // guarded by renewing: as the last renewal told

	look sync.Mutex // held by who asks for a node that is not known

	life atomic.Pointer[lifeOf]
	info atomic.Pointer[cluster.Info]
	wake chan struct{} // capacity 1: there is something to say at once

	// guarded by graves
	graves sync.Mutex
	dead   map[cluster.Node]time.Time // since when they are known to have no lease
}

// NewRoutes makes the routes of a node. Whatever the node attached is written while Run runs. Lost is called, from one goroutine,
// after Redis had lost what this node had written, once it is written again: what others sent meanwhile did not come. It may be nil.
func (c *Client) NewRoutes(node cluster.Node, lost func()) *Routes {
	r := &Routes{
		client: c, node: node, lost: lost, registrar: newRegistrar(), wake: make(chan struct{}, 1),
		dead: make(map[cluster.Node]time.Time),
	}
	if c.cfg.Cluster {
		r.tags = spread()
	}
	r.replicas = make([]string, 1+len(r.tags))
	r.life.Store(&lifeOf{nodes: map[cluster.Node]struct{}{}})
	r.info.Store(&cluster.Info{Node: node})
	return r
}

// Run keeps the lease and writes routes until ctx ends. Then it gives the lease back, so that others forget the node at once.
func (r *Routes) Run(ctx context.Context) error {
	var writing sync.WaitGroup
	defer writing.Wait()
	turn := time.NewTicker(r.client.cfg.Renew)
	defer turn.Stop()
	joined := false
	for {
		lost, err := r.renew(ctx)
		if err == nil {
			turn.Reset(r.client.cfg.Renew) // what is announced renews as well
		}
		switch {
		case ctx.Err() != nil:
		case err != nil:
			r.client.log.Debug("the node's lease was not renewed", "error", err)
			if !joined {
				r.fail(err)
			}
		case !joined: // a route is visible to others only with a lease
			joined = true
			writing.Go(func() { r.write(ctx, r.client, r.node) })
		default:
			r.raise()
			if lost {
				r.rejoin()
			}
		}
		select {
		case <-turn.C:
		case <-r.wake:
		case <-r.rejoined:
			r.settled(ctx)
		case <-ctx.Done():
			r.leave(context.WithoutCancel(ctx))
			return nil
		}
		r.rota(time.Now(), r.client.cfg.Report)
	}
}

// rejoin has everything written again that this node had written; then lost is called.
func (r *Routes) rejoin() {
	r.client.metrics.lost.WithLabelValues("routes").Inc()
	r.client.log.Warn("Redis has lost where this node's users are; they are written again")
	r.all()
}

// settled calls lost when everything was written again. Others see the lease within a renewal, and routes to a node without one lead
// nowhere: what was asked for before that would miss what is sent until then.
func (r *Routes) settled(ctx context.Context) {
	t := time.NewTimer(r.client.cfg.Renew + r.client.cfg.Timeout)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
		return
	}
	if r.lost != nil {
		r.lost()
	}
}

// leave gives the lease back. Routes are left to those who come upon them.
func (r *Routes) leave(ctx context.Context) {
	_, err := r.client.run(ctx, opRenew, scriptCall{
		script: r.client.scripts.farewell, keys: []string{r.client.cfg.Prefix + keyLive, r.client.cfg.Prefix + keyInfo}, args: []string{string(r.node)},
	})
	if err != nil {
		r.client.log.Debug("the node's lease was not given back; it will run out", "error", err)
	}
}

// All implements [cluster.Routes]. It answers from memory, with what the last renewal told.
func (r *Routes) All(_ context.Context, buf []cluster.Node) ([]cluster.Node, error) {
	start := len(buf)
	for n := range r.life.Load().nodes {
		buf = append(buf, n)
	}
	return with(buf, start, r.node), nil
}

// with appends a node that is not there yet, from start on.
func with(buf []cluster.Node, start int, n cluster.Node) []cluster.Node {
	if slices.Contains(buf[start:], n) {
		return buf
	}
	return append(buf, n)
}

// Nodes implements [cluster.Registry].
func (r *Routes) Nodes(ctx context.Context) ([]cluster.Info, error) {
	if err := ctx.Err(); err != nil {
		return nil, unavailable(err, "looking who lives")
	}
	life := r.life.Load()
	out := make([]cluster.Info, 0, len(life.infos)+1)
	self, placed := r.self(), false
	for _, i := range life.infos {
		if i.Node == r.node {
			i, placed = self, true
		}
		out = append(out, i)
	}
	if !placed {
		at, _ := slices.BinarySearchFunc(out, self.Node, func(i cluster.Info, n cluster.Node) int {
			switch {
			case i.Node < n:
				return -1
			case i.Node > n:
				return 1
			}
			return 0
		})
		out = slices.Insert(out, at, self)
	}
	return out, nil
}

// Announce implements [cluster.Registry]. The node's name is the one that the routes were made for.
func (r *Routes) Announce(info cluster.Info) {
	info.Node = r.node
	r.info.Store(&info)
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

func (r *Routes) self() cluster.Info { return *r.info.Load() }
