package timeline

import "github.com/prometheus/client_golang/prometheus"

// metrics of the follower.
type metrics struct {
	events prometheus.Counter
	passes prometheus.Counter
	rows   prometheus.Counter
	behind prometheus.Counter
}

func newMetrics() *metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	return &metrics{
		events: counter("throng_timeline_events_total", "Events of the log that timelines took in."),
		passes: counter("throng_timeline_passes_total", "Passes of the timelines' follower."),
		rows:   counter("throng_timeline_rows_total", "Changes written to timelines; the other events found their rows unseen."),
		behind: counter("throng_timeline_behind_total", "Answers that did not wait for timelines any longer."),
	}
}

func (m *metrics) register(reg prometheus.Registerer) {
	reg.MustRegister(m.events, m.passes, m.rows, m.behind)
}
