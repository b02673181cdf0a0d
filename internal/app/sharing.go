package app

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/throng-im/throng/internal/cluster"
	"github.com/throng-im/throng/internal/limit"
)

// newSharing makes what limits are shared by, among the nodes that clients connect to.
func newSharing(e *engine, reg prometheus.Registerer) *limit.Sharing {
	s := limit.NewSharing(e.shares, counting(e.registry, e.nodes), nil)
	gauge := func(name, help string, value func(limit.State) float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 { return value(s.State()) })
	}
	total := func(name, help string, value func(limit.State) uint64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, func() float64 { return float64(value(s.State())) })
	}
	reg.MustRegister(
		gauge("throng_limit_nodes", "Nodes among which limits are divided, as this node knows them.", func(s limit.State) float64 { return float64(s.Nodes) }),
		gauge("throng_limit_shares", "Users, addresses and conversations that use much of a limit, of which this node leases shares.",
			func(s limit.State) float64 { return float64(s.Hot) }),
		gauge("throng_limit_shares_away", "1 while shares of limits cannot be leased, and this node goes on with its part of each limit.",
			func(s limit.State) float64 {
				if s.Away {
					return 1
				}
				return 0
			}),
		total("throng_limit_claims_total", "Claims of shares of limits.", func(s limit.State) uint64 { return s.Claims }),
		total("throng_limit_parted_total", "Requests for which this node's part of a limit decided, since no share could be leased in time.",
			func(s limit.State) uint64 { return s.Parted }),
	)
	return s
}

// counting returns how many nodes take clients now, and with them from the same limits. Databases know of nodes that the registry has not
// heard of, yet or for the moment: while Redis is away, or has just come back and is empty. What these do is not known, so they count.
func counting(r cluster.Registry, there func() int) func() int {
	return func() (n int) {
		nodes, err := r.Nodes(context.Background()) // from memory
		if err != nil {
			return max(there(), 1)
		}
		for i := range nodes {
			if nodes[i].Gateway() {
				n++
			}
		}
		return n + max(there()-len(nodes), 0)
	}
}
