package otlp

import "github.com/prometheus/client_golang/prometheus"

// What became of spans, as the metric calls it.
const (
	resultSent    = "sent"
	resultDropped = "dropped" // there was no room
	resultFailed  = "failed"  // the collector did not take them
)

// metrics of the exporter; docs/operations lists them.
type metrics struct {
	spans   *prometheus.CounterVec
	seconds prometheus.Histogram
}

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		spans: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: "throng", Subsystem: "tracing", Name: "spans_total",
			Help: "Spans by what became of them: sent, dropped for want of room, or failed because the collector did not take them.",
		}, []string{"result"}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: "throng", Subsystem: "tracing", Name: "send_seconds", Help: "How long calls of the collector took.",
			Buckets: prometheus.ExponentialBuckets(0.001, 4, 8),
		}),
	}
	for _, r := range []string{resultSent, resultDropped, resultFailed} {
		m.spans.WithLabelValues(r)
	}
	if reg != nil {
		reg.MustRegister(m.spans, m.seconds)
	}
	return m
}
