package queue

import "github.com/prometheus/client_golang/prometheus"

// relayMetrics of a relay; docs/operations lists them.
type relayMetrics struct {
	published prometheus.Counter
	seconds   prometheus.Histogram
	errors    *prometheus.CounterVec
	lanes     prometheus.Gauge
}

func newRelayMetrics(reg prometheus.Registerer, r *Relay) *relayMetrics {
	const namespace, subsystem = "throng", "relay"
	m := &relayMetrics{
		published: prometheus.NewCounter(prometheus.CounterOpts{
			Namespace: namespace, Subsystem: subsystem, Name: "published_total", Help: "Events published from the outbox.",
		}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: namespace, Subsystem: subsystem, Name: "publish_seconds", Help: "How long publishing a batch took.",
			Buckets: prometheus.ExponentialBuckets(0.000_5, 2, 14),
		}),
		errors: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: namespace, Subsystem: subsystem, Name: "errors_total", Help: "Calls that failed and are made again, by step.",
		}, []string{"step"}),
		lanes: prometheus.NewGauge(prometheus.GaugeOpts{
			Namespace: namespace, Subsystem: subsystem, Name: "lanes", Help: "Lanes that this node has leased, of 64 in the cluster.",
		}),
	}
	for _, step := range []string{"lease", "waiting", "pending", "publish", "done", "release"} {
		m.errors.WithLabelValues(step) // shows as 0 before the first
	}
	if reg == nil {
		return m
	}
	reg.MustRegister(m.published, m.seconds, m.errors, m.lanes,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Namespace: namespace, Subsystem: subsystem, Name: "behind_seconds",
			Help: "How long the oldest event of this node's lanes has been waiting to be published.",
		}, func() float64 { return r.Behind().Seconds() }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Namespace: namespace, Subsystem: subsystem, Name: "pending",
			Help: "Events of this node's lanes that were read and are not published yet; a lane counts with one batch at most.",
		}, func() float64 { return float64(r.waiting()) }),
	)
	return m
}

// waiting is how many events were read from the outbox and not dropped yet.
func (r *Relay) waiting() (n int) {
	for _, l := range r.lanes {
		l.mu.Lock()
		n += l.pending
		l.mu.Unlock()
	}
	return n
}
