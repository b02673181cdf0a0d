package pebble

import (
	"github.com/cockroachdb/pebble/v2"
	"github.com/prometheus/client_golang/prometheus"
)

// metrics are what the storage engine tells of itself at each scrape. Names and words are in docs/operations/metrics.md.
type metrics struct {
	store *Store
	rows  []metric
}

// metric is one number of the engine.
type metric struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	value func(m *pebble.Metrics) float64
}

func newSyncSeconds() prometheus.Histogram {
	return prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "throng_store_sync_seconds", Help: "One sync of the write-ahead log, which any number of appends share.",
		Buckets: prometheus.ExponentialBuckets(0.000_1, 2, 16),
	})
}

func newMetrics(s *Store) *metrics {
	m := &metrics{store: s}
	add := func(kind prometheus.ValueType, name, help string, value func(m *pebble.Metrics) float64) {
		m.rows = append(m.rows, metric{prometheus.NewDesc("throng_store_"+name, help, nil, nil), kind, value})
	}
	counter, gauge := prometheus.CounterValue, prometheus.GaugeValue
	add(counter, "compactions_total", "Compactions.", func(m *pebble.Metrics) float64 { return float64(m.Compact.Count) })
	add(counter, "compaction_failures_total", "Compactions that failed.", func(m *pebble.Metrics) float64 { return float64(m.Compact.FailedCount) })
	add(counter, "compaction_seconds_total", "Time spent on compactions.", func(m *pebble.Metrics) float64 { return m.Compact.Duration.Seconds() })
	add(gauge, "compaction_debt_bytes", "Bytes to compact until the levels are at rest, estimated.",
		func(m *pebble.Metrics) float64 { return float64(m.Compact.EstimatedDebt) })
	add(counter, "flushes_total", "Memtables written to files.", func(m *pebble.Metrics) float64 { return float64(m.Flush.Count) })
	add(gauge, "memtable_bytes", "Memory of all memtables.", func(m *pebble.Metrics) float64 { return float64(m.MemTable.Size) })
	add(gauge, "memtables", "Memtables; writes stop at 4.", func(m *pebble.Metrics) float64 { return float64(m.MemTable.Count) })
	add(counter, "wal_bytes_total", "Bytes written to the write-ahead log.", func(m *pebble.Metrics) float64 { return float64(m.WAL.BytesWritten) })
	add(gauge, "wal_files", "Write-ahead logs that a start would replay.", func(m *pebble.Metrics) float64 { return float64(m.WAL.Files) })
	add(gauge, "l0_files", "Files of level 0.", func(m *pebble.Metrics) float64 { return float64(m.Levels[0].TablesCount) })
	add(gauge, "l0_sublevels", "Layers of level 0; writes stop at 24.", func(m *pebble.Metrics) float64 { return float64(m.Levels[0].Sublevels) })
	add(gauge, "read_amplification", "Layers that a read may have to look into.", func(m *pebble.Metrics) float64 { return float64(m.ReadAmp()) })
	add(gauge, "disk_bytes", "Disk that the database takes.", func(m *pebble.Metrics) float64 { return float64(m.DiskSpaceUsage()) })
	add(gauge, "cache_bytes", "Memory of the block cache in use.", func(m *pebble.Metrics) float64 { return float64(m.BlockCache.Size) })
	add(counter, "cache_hits_total", "Blocks found in the cache.", func(m *pebble.Metrics) float64 { return float64(m.BlockCache.Hits) })
	add(counter, "cache_misses_total", "Blocks read from files.", func(m *pebble.Metrics) float64 { return float64(m.BlockCache.Misses) })
	add(gauge, "iterators", "Open iterators over files.", func(m *pebble.Metrics) float64 { return float64(m.TableIters) })
	return m
}

// Describe implements prometheus.Collector.
func (m *metrics) Describe(out chan<- *prometheus.Desc) {
	for _, r := range m.rows {
		out <- r.desc
	}
}

// Collect implements prometheus.Collector. A store that is closed or has failed tells nothing: the engine's locks may be held
// for ever.
func (m *metrics) Collect(out chan<- prometheus.Metric) {
	release, err := m.store.read()
	if err != nil {
		return
	}
	defer release()
	if m.store.failure() != nil {
		return
	}
	now := m.store.db.Metrics()
	for _, r := range m.rows {
		out <- prometheus.MustNewConstMetric(r.desc, r.kind, r.value(now))
	}
}
