package gateway

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/throng-im/throng/internal/chunk"
)

// metrics of the gateway; docs/operations lists them.
type metrics struct {
	connections prometheus.Gauge
	sessions    prometheus.Gauge
	handshakes  *prometheus.CounterVec
	closes      *prometheus.CounterVec
	deliveries  prometheus.Counter
	frames      prometheus.Counter
	bytes       prometheus.Counter
	collapsed   prometheus.Counter
	requests    prometheus.Counter
	hints       prometheus.Counter
	rechecks    prometheus.Counter
	hidden      prometheus.Counter
	lookups     prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) *metrics {
	opts := func(name, help string) prometheus.Opts {
		return prometheus.Opts{Namespace: "throng", Subsystem: "gateway", Name: name, Help: help}
	}
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts(opts(name, help)))
	}
	m := &metrics{
		connections: prometheus.NewGauge(prometheus.GaugeOpts(opts("connections", "Open connections."))),
		sessions:    prometheus.NewGauge(prometheus.GaugeOpts(opts("sessions", "Authenticated sessions."))),
		handshakes: prometheus.NewCounterVec(prometheus.CounterOpts(opts("handshakes_total", "Handshakes by HTTP status.")),
			[]string{"status"}),
		closes: prometheus.NewCounterVec(prometheus.CounterOpts(opts("closes_total", "Connections closed, by the server's close code, or by the peer.")),
			[]string{"code"}),
		deliveries: counter("deliveries_total", "Deliveries put on connections."),
		frames:     counter("frames_total", "Writes to connections."),
		bytes:      counter("sent_bytes_total", "Bytes handed to connections."),
		collapsed:  counter("collapsed_total", "Deliveries that became hints because the receiver was behind."),
		requests:   counter("requests_total", "Requests received."),
		hints:      counter("hints_total", "Hints about conversations whose content a session does not get."),
		hidden:     counter("hidden_total", "Sessions that opened while their routes could not be shown to other nodes."),
		rechecks: counter("rechecks_total", "Times that a loop had a conversation's members looked up again, since a member change had passed it by. "+
			"Deliveries get lost where it rises."),
		lookups: counter("lookups_total", "Sessions whose subscriptions were looked up again."),
	}
	if reg != nil {
		reg.MustRegister(m.connections, m.sessions, m.handshakes, m.closes, m.deliveries, m.frames, m.bytes, m.collapsed, m.requests, m.hints,
			m.rechecks, m.lookups, m.hidden)
	}
	return m
}

// rounds counts what goes to many at once.
func (m *metrics) rounds(reg prometheus.Registerer, enc *chunk.Encoder) {
	if reg == nil {
		return
	}
	counter := func(name, help string, value func() int64) {
		reg.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
			Namespace: "throng", Subsystem: "gateway", Name: name, Help: help,
		}, func() float64 { return float64(value()) }))
	}
	counter("encodings_total", "Encodings of rounds of large conversations: one per subprotocol, however many receive it.", enc.Encoded)
	counter("compressions_total", "Encodings of rounds that were compressed.", enc.Compressed)
}

// draining tells whether newcomers are refused for good, or until an operator says otherwise.
func (m *metrics) draining(reg prometheus.Registerer, a *admission) {
	if reg == nil {
		return
	}
	reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Namespace: "throng", Subsystem: "gateway", Name: "draining", Help: "1 while newcomers are refused because the server is drained or stops.",
	}, func() float64 {
		if a.stopped() {
			return 1
		}
		return 0
	}))
}

// waiting tells how much waits for receivers.
func (m *metrics) waiting(reg prometheus.Registerer, loops []*loop) {
	if reg == nil {
		return
	}
	reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Namespace: "throng", Subsystem: "gateway", Name: "waiting_bytes",
		Help: "What waits for receivers, pages on their way to them included. What many wait for is counted for each of them.",
	}, func() float64 {
		var n int64
		for _, l := range loops {
			n += l.queued.Load() + l.pages.Load()
		}
		return float64(n)
	}))
}

// publish adds what a loop has counted since its last pass.
func (m *metrics) publish(s *stats) {
	if *s == (stats{}) {
		return
	}
	m.deliveries.Add(float64(s.deliveries))
	m.frames.Add(float64(s.frames))
	m.bytes.Add(float64(s.bytes))
	m.collapsed.Add(float64(s.collapsed))
	m.requests.Add(float64(s.requests))
	m.hints.Add(float64(s.hints))
	m.rechecks.Add(float64(s.rechecks))
	m.lookups.Add(float64(s.lookups))
	*s = stats{}
}

// closed counts a goodbye; the peer's codes are its own choice and make no labels.
func (m *metrics) closed(code uint16, byPeer bool) {
	label := "peer"
	if !byPeer {
		label = strconv.Itoa(int(code))
	}
	m.closes.WithLabelValues(label).Inc()
}

func (m *metrics) handshake(status int) { m.handshakes.WithLabelValues(strconv.Itoa(status)).Inc() }
