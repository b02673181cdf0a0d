package kafka

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/throng-im/throng/internal/chat"
)

// metrics of a queue; docs/operations lists them.
type metrics struct {
	seconds   *prometheus.HistogramVec
	errors    *prometheus.CounterVec
	published prometheus.Counter
	handled   *prometheus.CounterVec
	refused   prometheus.Counter
	lost      prometheus.Counter
	streams   *prometheus.GaugeVec
	lag       *prometheus.GaugeVec
	delay     *prometheus.HistogramVec
	pauses    prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) *metrics {
	const namespace, subsystem = "throng", "kafka"
	counter := func(name, help string) prometheus.CounterOpts {
		return prometheus.CounterOpts{Namespace: namespace, Subsystem: subsystem, Name: name, Help: help}
	}
	gauge := func(name, help string) prometheus.GaugeOpts {
		return prometheus.GaugeOpts{Namespace: namespace, Subsystem: subsystem, Name: name, Help: help}
	}
	histogram := func(name, help string) prometheus.HistogramOpts {
		return prometheus.HistogramOpts{
			Namespace: namespace, Subsystem: subsystem, Name: name, Help: help, Buckets: prometheus.ExponentialBuckets(0.000_5, 2, 16),
		}
	}
	m := &metrics{
		seconds:   prometheus.NewHistogramVec(histogram("call_seconds", "How long calls to Kafka took, by operation."), []string{"operation"}),
		errors:    prometheus.NewCounterVec(counter("errors_total", "Calls to Kafka that failed, by operation and reason."), []string{"operation", "reason"}),
		published: prometheus.NewCounter(counter("published_total", "Events that Kafka has acknowledged.")),
		handled:   prometheus.NewCounterVec(counter("handled_total", "Events handed to followers, by group."), []string{"group"}),
		refused:   prometheus.NewCounter(counter("refused_total", "Records that were passed over: of a later version, or damaged.")),
		lost:      prometheus.NewCounter(counter("lost_positions_total", "Times that a group went on elsewhere because the events behind its position were gone.")),
		streams:   prometheus.NewGaugeVec(gauge("streams", "Streams that this node follows, by group."), []string{"group"}),
		lag:       prometheus.NewGaugeVec(gauge("lag", "Events that a group has not dealt with, by stream that this node follows."), []string{"group", "stream"}),
		delay:     prometheus.NewHistogramVec(histogram("delay_seconds", "From an event's publication until its follower had dealt with it, by group."), []string{"group"}),
		pauses:    prometheus.NewCounter(counter("pauses_total", "Times that a stream was not read on because its follower was slow.")),
	}
	if reg != nil {
		reg.MustRegister(m.seconds, m.errors, m.published, m.handled, m.refused, m.lost, m.streams, m.lag, m.delay, m.pauses)
	}
	return m
}

// done notes the end of a call.
func (m *metrics) done(operation string, begin time.Time, err error) {
	m.seconds.WithLabelValues(operation).Observe(time.Since(begin).Seconds())
	if err != nil {
		m.errors.WithLabelValues(operation, string(chat.AsError(err).Reason)).Inc()
	}
}

func (m *metrics) behind(group string, stream int32, events int64) {
	m.lag.WithLabelValues(group, strconv.Itoa(int(stream))).Set(float64(max(0, events)))
}

func (m *metrics) left(group string, stream int32) {
	m.lag.DeleteLabelValues(group, strconv.Itoa(int(stream)))
}
