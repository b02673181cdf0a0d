package receipt

import "github.com/prometheus/client_golang/prometheus"

// metrics of a hub; docs/operations lists them.
type metrics struct {
	stored, told prometheus.Counter
	dropped      *prometheus.CounterVec
}

// Why members are not told, as the metric calls it.
const (
	dropWaiting  = "waiting"
	dropPressure = "pressure"
	dropFailed   = "failed"
)

func newMetrics(reg prometheus.Registerer, h *Hub) *metrics {
	counter := func(name, help string) prometheus.CounterOpts {
		return prometheus.CounterOpts{Namespace: "throng", Subsystem: "receipt", Name: name, Help: help}
	}
	m := &metrics{
		stored:  prometheus.NewCounter(counter("got_stored_total", "Positions of what devices have got that were stored.")),
		told:    prometheus.NewCounter(counter("told_total", "Positions of members that were told to others.")),
		dropped: prometheus.NewCounterVec(counter("dropped_total", "Times that members were not told of positions, by reason."), []string{"reason"}),
	}
	for _, reason := range []string{dropWaiting, dropPressure, dropFailed} {
		m.dropped.WithLabelValues(reason)
	}
	if reg != nil {
		reg.MustRegister(m.stored, m.told, m.dropped, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Namespace: "throng", Subsystem: "receipt", Name: "waiting", Help: "Members whose positions wait to be told.",
		}, func() float64 {
			h.mu.Lock()
			defer h.mu.Unlock()
			return float64(h.count)
		}))
	}
	return m
}
