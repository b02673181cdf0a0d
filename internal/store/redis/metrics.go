package redis

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/throng-im/throng/internal/breaker"
	"github.com/throng-im/throng/internal/chat"
)

// operation names what is called, in metrics.
type operation string

// The operations.
const (
	opPing      operation = "ping"
	opRenew     operation = "renew"
	opRoutes    operation = "routes"
	opLookup    operation = "lookup"
	opPublish   operation = "publish"
	opRows      operation = "timeline_rows"
	opEnd       operation = "timeline_end"
	opApply     operation = "timeline_apply"
	opMend      operation = "timeline_mend"
	opHotGet    operation = "hot_get"
	opHotPut    operation = "hot_put"
	opHotForget operation = "hot_forget"
	opSeed      operation = "timeline_seed"
	opLease     operation = "limit_lease"
	opDevices   operation = "devices"
	opPresence  operation = "presence"
)

// metrics of Redis. Names and words are in docs/operations/metrics.md.
type metrics struct {
	seconds *prometheus.HistogramVec
	errors  *prometheus.CounterVec
	lost    *prometheus.CounterVec

	sent, received prometheus.Counter
	dropped        *prometheus.CounterVec

	seeded, mended, bare, spared, absent prometheus.Counter
	hotHits, hotMisses                   prometheus.Counter
}

func newMetrics() *metrics {
	m := &metrics{
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "throng_redis_seconds", Help: "Calls of Redis; one call is any number of commands that went together.",
			Buckets: prometheus.ExponentialBuckets(0.000_1, 2, 14),
		}, []string{"operation"}),
		errors: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "throng_redis_errors_total", Help: "Calls of Redis that had no answer: open (the breaker), timeout, canceled, or other.",
		}, []string{"operation", "why"}),
		lost: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "throng_redis_lost_total", Help: "Times that Redis had lost routes, or deliveries may not have come (bus), and devices were told to look.",
		}, []string{"what"}),
		sent:     counter("sent_total", "Deliveries given to Redis for other nodes."),
		received: counter("received_total", "Deliveries that came from other nodes."),
		dropped: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "throng_redis_dropped_total", Help: "Deliveries of other nodes that were passed over: unknown (of a newer version), or damaged.",
		}, []string{"why"}),
		hotHits:   counter("hot_hits_total", "Runs of entries that were in the hot cache."),
		hotMisses: counter("hot_misses_total", "Runs of entries that were not, or not all of them."),
		seeded:    counter("timelines_seeded_total", "Timelines that were made, since they were not there; their users' devices begin anew."),
		mended:    counter("timeline_rows_mended_total", "Rows of timelines that were behind of what is kept elsewhere."),
		bare:      counter("timelines_bare_total", "Timelines that were shown without Redis, whole."),
		spared:    counter("timeline_rows_spared_total", "Changes that needed no write, since the row was newer than all cursors given out."),
		absent:    counter("timeline_rows_absent_total", "Changes that needed no write, since the user's timeline is not in Redis."),
	}
	// They show as 0 before the first, or nobody sees it rise.
	for _, what := range []string{"routes", "bus"} {
		m.lost.WithLabelValues(what)
	}
	for _, why := range []string{"unknown", "damaged"} {
		m.dropped.WithLabelValues(why)
	}
	return m
}

func counter(name, help string) prometheus.Counter {
	return prometheus.NewCounter(prometheus.CounterOpts{Name: "throng_redis_" + name, Help: help})
}

// done notes a call that has ended.
func (m *metrics) done(op operation, took time.Duration, err error) {
	m.seconds.WithLabelValues(string(op)).Observe(took.Seconds())
	if err == nil {
		return
	}
	why := "other"
	switch {
	case errors.Is(err, breaker.ErrOpen):
		why = "open"
	case errors.Is(err, errTimeout):
		why = "timeout"
	case chat.AsError(unavailable(err, "")).Code == chat.CodeCanceled:
		why = "canceled"
	}
	m.errors.WithLabelValues(string(op), why).Inc()
}

// all returns the collectors of a client.
func (m *metrics) all(c *Client) []prometheus.Collector {
	return []prometheus.Collector{
		m.seconds, m.errors, m.lost, m.sent, m.received, m.dropped,
		m.seeded, m.mended, m.bare, m.spared, m.absent, m.hotHits, m.hotMisses,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "throng_redis_breaker", Help: "Whether calls go through: 0 they do, 1 one tries, 2 they fail at once.",
		}, func() float64 { return float64(c.breaker.State()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "throng_redis_calls", Help: "Calls that wait for an answer."},
			func() float64 { return float64(len(c.room)) }),
	}
}
