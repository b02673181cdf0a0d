package fanout

import "github.com/prometheus/client_golang/prometheus"

// metrics of the fan-out; docs/operations lists them.
type metrics struct {
	entries, repeats, loads, retries, lost, direct prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) *metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Namespace: "throng", Subsystem: "fanout", Name: name, Help: help})
	}
	m := &metrics{
		entries: counter("entries_total", "Entries handed to the routes."),
		repeats: counter("repeats_total", "Entries that came again and were passed over."),
		loads:   counter("member_loads_total", "Member lists read because the cache did not have them."),
		retries: counter("retries_total", "Times that following the events was begun again after an error."),
		direct:  counter("direct_total", "Events that the committing node delivered because the queue was away."),
		lost:    counter("lost_total", "Deliveries that were not made because routes or bus did not answer; devices find them by digests."),
	}
	if reg != nil {
		reg.MustRegister(m.entries, m.repeats, m.loads, m.retries, m.lost, m.direct)
	}
	return m
}
