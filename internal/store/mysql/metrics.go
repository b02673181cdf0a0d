package mysql

import (
	"database/sql"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/throng-im/throng/internal/chat"
)

// metrics of the databases. Names and words are in docs/operations/metrics.md.
type metrics struct {
	seconds *prometheus.HistogramVec
	errors  *prometheus.CounterVec
	repeats *prometheus.CounterVec
	moves   *prometheus.GaugeVec
}

func newMetrics() *metrics {
	return &metrics{
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "throng_mysql_seconds", Help: "Calls of the databases, attempts that were begun again included.",
			Buckets: prometheus.ExponentialBuckets(0.000_25, 2, 16),
		}, []string{"operation"}),
		errors: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "throng_mysql_errors_total", Help: "Calls of the databases that failed, by what their callers were told.",
		}, []string{"operation", "reason"}),
		repeats: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "throng_mysql_again_total", Help: "Attempts that were begun again: for a conflict, a lock_wait, a connection that broke, or a slot that moved.",
		}, []string{"operation", "why"}),
		moves: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "throng_mysql_slot_moves", Help: "Slots on their way from one database to another, by how far they are, as this node saw last.",
		}, []string{"stage"}),
	}
}

// done notes a call that has its answer. What the rules refuse is no failure of a database.
func (m *metrics) done(operation string, took time.Duration, err error) {
	m.seconds.WithLabelValues(operation).Observe(took.Seconds())
	if err == nil {
		return
	}
	switch e := chat.AsError(err); e.Code {
	case chat.CodeUnavailable, chat.CodeUnknown, chat.CodeInternal:
		m.errors.WithLabelValues(operation, string(e.Reason)).Inc()
	default:
	}
}

func (m *metrics) again(operation string, why end) {
	m.repeats.WithLabelValues(operation, why.String()).Inc()
}

// all returns the collectors of a store.
func (m *metrics) all(s *Store) []prometheus.Collector {
	return []prometheus.Collector{m.seconds, m.errors, m.repeats, m.moves, newPools(s), slotCounts{s}}
}

// pools tells of the connections at each scrape.
type pools struct {
	store *Store
	rows  []pool
}

type pool struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	value func(d *shard, s sql.DBStats) float64
}

func newPools(s *Store) *pools {
	p := &pools{store: s}
	add := func(kind prometheus.ValueType, name, help string, value func(d *shard, s sql.DBStats) float64) {
		p.rows = append(p.rows, pool{prometheus.NewDesc("throng_mysql_"+name, help, []string{"database"}, nil), kind, value})
	}
	add(prometheus.GaugeValue, "connections", "Open connections, by database as configured.",
		func(_ *shard, s sql.DBStats) float64 { return float64(s.OpenConnections) })
	add(prometheus.GaugeValue, "connections_busy", "Connections in use.", func(_ *shard, s sql.DBStats) float64 { return float64(s.InUse) })
	add(prometheus.CounterValue, "connection_waits_total", "Calls that waited for a connection.",
		func(_ *shard, s sql.DBStats) float64 { return float64(s.WaitCount) })
	add(prometheus.CounterValue, "connection_wait_seconds_total", "Time that calls waited for a connection.",
		func(_ *shard, s sql.DBStats) float64 { return s.WaitDuration.Seconds() })
	add(prometheus.GaugeValue, "breaker", "Whether calls go through, by database: 0 they do, 1 one tries, 2 they fail at once.",
		func(d *shard, _ sql.DBStats) float64 { return float64(d.breaker.State()) })
	return p
}

// Describe implements prometheus.Collector.
func (p *pools) Describe(out chan<- *prometheus.Desc) {
	for _, r := range p.rows {
		out <- r.desc
	}
}

// Collect implements prometheus.Collector.
func (p *pools) Collect(out chan<- prometheus.Metric) {
	for i, d := range p.store.shards {
		now := d.db.Stats()
		for _, r := range p.rows {
			out <- prometheus.MustNewConstMetric(r.desc, r.kind, r.value(d, now), strconv.Itoa(i+1))
		}
	}
}

// slotCounts tells at each scrape how many slots each database has.
type slotCounts struct{ store *Store }

//nolint:gochecknoglobals // a constant
var slotCount = prometheus.NewDesc("throng_mysql_slots", "Slots that a database has, by database as configured and kind.", []string{"database", "kind"}, nil)

// Describe implements prometheus.Collector.
func (c slotCounts) Describe(out chan<- *prometheus.Desc) { out <- slotCount }

// Collect implements prometheus.Collector.
func (c slotCounts) Collect(out chan<- prometheus.Metric) {
	m := c.store.slots.Load()
	for kind, name := range [slotKinds]string{"conversations", "users"} {
		counts := make(map[*shard]int)
		for _, d := range m.of[kind] {
			counts[d]++
		}
		for i, d := range c.store.shards {
			out <- prometheus.MustNewConstMetric(slotCount, prometheus.GaugeValue, float64(counts[d]), strconv.Itoa(i+1), name)
		}
	}
}
