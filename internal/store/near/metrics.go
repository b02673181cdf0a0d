package near

import "github.com/prometheus/client_golang/prometheus"

// Metrics are those of a node's own entries and of reads that are shared; docs/operations/metrics.md lists them.
type Metrics struct {
	registry prometheus.Registerer
	metrics  metrics
}

type metrics struct{ hits, misses, dropped, asked, read prometheus.Counter }

// NewMetrics makes and registers them; the registry may be nil.
func NewMetrics(registry prometheus.Registerer) *Metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	m := &Metrics{registry: registry, metrics: metrics{
		hits:    counter("throng_near_hits_total", "Runs of entries that had passed through this node, and were given out without asking anybody."),
		misses:  counter("throng_near_misses_total", "Runs of entries of groups that had not, or not all of them."),
		dropped: counter("throng_near_dropped_total", "Times that a conversation's entries were let go of because content was removed."),
		asked:   counter("throng_near_reads_asked_total", "Reads of heads and entries that pulls asked for."),
		read:    counter("throng_near_reads_total", "Reads of heads and entries that were made for them: one may serve many."),
	}}
	if registry != nil {
		registry.MustRegister(m.metrics.hits, m.metrics.misses, m.metrics.dropped, m.metrics.asked, m.metrics.read)
	}
	return m
}

func (m *Metrics) of() *metrics { return &m.metrics }

// watch shows how much a ring holds.
func (m *Metrics) watch(r *Ring) {
	if m.registry == nil {
		return
	}
	m.registry.MustRegister(prometheus.NewGaugeFunc(
		prometheus.GaugeOpts{Name: "throng_near_bytes", Help: "Memory of entries that passed through this node, about."},
		func() float64 {
			r.mu.Lock()
			defer r.mu.Unlock()
			return float64(r.bytes)
		},
	))
}
