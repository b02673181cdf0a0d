package message

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/throng-im/throng/internal/chat"
)

// metrics of the service.
type metrics struct {
	appended prometheus.Counter
	marked   prometheus.Counter
	repeated prometheus.Counter
	refused  *prometheus.CounterVec
	batch    prometheus.Histogram
	latency  prometheus.Histogram

	// reads of the log for pages, and where pages came from
	readHead, readMember, readEntries    prometheus.Counter
	fromRing, fromPage, fromHot, fromLog prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		appended: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "throng_message_appended_total", Help: "Entries appended and acknowledged.",
		}),
		marked: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "throng_message_marked_total", Help: "Read positions answered.",
		}),
		repeated: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "throng_message_repeated_total", Help: "Drafts that stood already.",
		}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "throng_message_refused_total", Help: "Drafts refused, by reason.",
		}, []string{"reason"}),
		batch: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "throng_message_batch_drafts", Help: "Drafts in one append.", Buckets: prometheus.ExponentialBuckets(1, 4, 6),
		}),
		latency: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "throng_message_append_seconds", Help: "From submission to the durable answer.",
			Buckets: prometheus.ExponentialBuckets(0.000_25, 2, 14),
		}),
	}
	reads := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "throng_message_reads_total", Help: "Reads of the log for pages of entries, by what was read.",
	}, []string{"what"})
	m.readHead, m.readMember, m.readEntries = reads.WithLabelValues("head"), reads.WithLabelValues("member"), reads.WithLabelValues("entries")
	pages := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "throng_message_pages_total",
		Help: "Runs of entries given out, by where they came from: the ring of recent entries, a page read before, the hot cache that nodes share, or the log.",
	}, []string{"from"})
	m.fromRing, m.fromPage, m.fromHot, m.fromLog = pages.WithLabelValues("ring"), pages.WithLabelValues("page"), pages.WithLabelValues("hot"), pages.WithLabelValues("log")
	if reg != nil {
		reg.MustRegister(reads, pages)
		reg.MustRegister(m.appended, m.marked, m.repeated, m.refused, m.batch, m.latency)
	}
	return m
}

func (m *metrics) refuse(reason chat.Reason) { m.refused.WithLabelValues(string(reason)).Inc() }

func (m *metrics) answered(d *chat.Draft, r chat.Result, took time.Duration) {
	switch {
	case r.Err != nil:
		m.refuse(r.Err.Reason)
	case d.Body == nil:
		m.marked.Inc()
	case r.Repeat:
		m.repeated.Inc()
	default:
		m.appended.Inc()
	}
	m.latency.Observe(took.Seconds())
}
