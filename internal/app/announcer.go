package app

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/throng-im/throng/internal/api"
	"github.com/throng-im/throng/internal/cluster"
	"github.com/throng-im/throng/internal/pressure"
)

// announceInterval is how often the node says how many connections it has.
const announceInterval = time.Second

// announcer tells the registry what this node is, so that the access call sends clients to it, or does not.
type announcer struct {
	// immutable after construction
	registry cluster.Registry
	info     cluster.Info             // what does not change
	now      func(info *cluster.Info) // fills in the rest

	// guarded by mu, which is held while the registry is told: what is said last is what holds
	mu       sync.Mutex
	draining bool
}

func (a *App) newAnnouncer() *announcer {
	c, e := a.cfg.Access, a.core.engine
	info := cluster.Info{
		Node: e.node, Roles: a.cfg.Roles, URL: api.SessionURL(c.URL), Zone: c.Zone, Version: a.options.Version, Label: c.Label,
		Capacity: a.cfg.Gateway.MaxConnections, Started: a.options.Now(),
	}
	if info.Label == "" {
		info.Label = info.Version
	}
	if doors := divide(openFiles()).doors; doors > 0 {
		info.Capacity = min(info.Capacity, doors)
	}
	return &announcer{registry: e.registry, info: info, now: func(info *cluster.Info) {
		info.Connections, info.Weight = a.core.gateway.Connections(), a.live.Load().weight
		// Who does not reach the databases that all nodes have can let nobody in.
		if a.core.pressure.Level() >= pressure.AdmissionClosed || (e.meets != nil && a.health.has("storage")) {
			info.Weight = 0
		}
		if e.outbox != nil {
			e.outbox(info)
		}
	}}
}

// scheduler answers the access call.
func (a *App) scheduler() *cluster.Scheduler {
	return cluster.NewScheduler(cluster.SchedulerDeps{
		Registry: a.core.engine.registry, Zone: a.cfg.Access.Zone, Policy: func() cluster.Policy { return a.live.Load().grayscale },
		Source: rand.NewPCG(rand.Uint64(), rand.Uint64()), Now: a.options.Now, Metrics: a.registry, //nolint:gosec // spreads load, guards nothing
	})
}

// run says what the node is until ctx ends.
func (n *announcer) run(ctx context.Context) error {
	tick := time.NewTicker(announceInterval)
	defer tick.Stop()
	for {
		n.say()
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// others reports that another node takes newcomers.
func (n *announcer) others(ctx context.Context) bool {
	nodes, err := n.registry.Nodes(ctx)
	return err == nil && slices.ContainsFunc(nodes, func(i cluster.Info) bool { return i.Node != n.info.Node && i.Takes(0) })
}

// drain says at once that the node takes no newcomers, or takes them again.
func (n *announcer) drain(on bool) {
	n.mu.Lock()
	n.draining = on
	n.mu.Unlock()
	n.say()
}

// say announces the node as it is now.
func (n *announcer) say() {
	n.mu.Lock()
	defer n.mu.Unlock()
	info := n.info
	info.Draining = n.draining
	n.now(&info)
	n.registry.Announce(info)
}
