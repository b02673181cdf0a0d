package pressure

import "github.com/prometheus/client_golang/prometheus"

// metrics of the ladder; docs/operations lists them.
type metrics struct {
	level   prometheus.Gauge
	steps   *prometheus.GaugeVec
	changes *prometheus.CounterVec
	signals *prometheus.GaugeVec
}

func newMetrics(reg prometheus.Registerer) *metrics {
	opts := func(name, help string) prometheus.Opts {
		return prometheus.Opts{Namespace: "throng", Subsystem: "pressure", Name: name, Help: help}
	}
	m := &metrics{
		level: prometheus.NewGauge(prometheus.GaugeOpts(opts("level", "How far the server has gone in leaving things out: 0 is nothing, 5 turns connections away."))),
		steps: prometheus.NewGaugeVec(prometheus.GaugeOpts(opts("step", "1 where the step is taken.")), []string{"step"}),
		changes: prometheus.NewCounterVec(prometheus.CounterOpts(opts("changes_total", "Changes of the level, by the level that they led to.")),
			[]string{"to"}),
		signals: prometheus.NewGaugeVec(prometheus.GaugeOpts(opts("signal",
			"What the server feels: lag of the event loops in seconds, the others as parts of their bounds.")), []string{"signal"}),
	}
	for l := TypingOff; l <= Highest; l++ {
		m.steps.WithLabelValues(l.String())
	}
	for l := Calm; l <= Highest; l++ {
		m.changes.WithLabelValues(l.String())
	}
	m.felt(Signals{})
	if reg != nil {
		reg.MustRegister(m.level, m.steps, m.changes, m.signals)
	}
	return m
}

func (m *metrics) felt(s Signals) {
	m.signals.WithLabelValues("lag").Set(s.Lag.Seconds())
	m.signals.WithLabelValues("inbox").Set(s.Inbox)
	m.signals.WithLabelValues("queue").Set(s.Queue)
	m.signals.WithLabelValues("memory").Set(s.Memory)
}

func (m *metrics) changed(to Level) {
	m.level.Set(float64(to))
	m.changes.WithLabelValues(to.String()).Inc()
	for l := TypingOff; l <= Highest; l++ {
		taken := 0.0
		if to >= l {
			taken = 1
		}
		m.steps.WithLabelValues(l.String()).Set(taken)
	}
}
