package presence

import "github.com/prometheus/client_golang/prometheus"

// hubMetrics of a hub; docs/operations lists them.
type hubMetrics struct {
	noted, sent, told, failures prometheus.Counter
}

func newHubMetrics(reg prometheus.Registerer, h *Hub) *hubMetrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Namespace: "throng", Subsystem: "presence", Name: name, Help: help})
	}
	m := &hubMetrics{
		noted:    counter("changes_total", "Words of this node about how its users are there, those said again included."),
		sent:     counter("sent_total", "Changes that were sent to other nodes, whose sessions watch."),
		told:     counter("told_total", "Changes that sessions were told."),
		failures: counter("failures_total", "Calls to the store of presence, or to other nodes, that failed; they are made again."),
	}
	if reg == nil {
		return m
	}
	gauge := func(name, help string, value func() int) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "throng", Subsystem: "presence", Name: name, Help: help}, func() float64 {
			h.mu.Lock()
			defer h.mu.Unlock()
			return float64(value())
		})
	}
	reg.MustRegister(m.noted, m.sent, m.told, m.failures,
		gauge("users", "Users with sessions on this node, or who had some a moment ago.", func() int { return len(h.people) }),
		gauge("watched", "Users whom sessions of this node watch.", func() int { return len(h.watched) }),
		gauge("watchers", "Sessions that watch.", func() int { return len(h.watchers) }),
		gauge("waiting", "Users of this node whose change waits for its turn.", func() int { return len(h.dirty) }),
	)
	return m
}
