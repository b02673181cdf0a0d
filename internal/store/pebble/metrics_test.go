package pebble_test

import (
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/store/pebble"
)

func TestMetricsTellWhatTheEngineDoes(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	read := func() map[string]float64 {
		families, err := registry.Gather()
		assert.NoError(t, "gather", err)
		out := map[string]float64{}
		for _, f := range families {
			m := f.GetMetric()[0]
			out[f.GetName()] = m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
		return out
	}
	s, err := pebble.Open("data", pebble.Options{FS: vfs.NewMem(), Registerer: registry})
	assert.NoError(t, "open", err)
	before := read()
	applied, err := s.Append(t.Context(), []*chat.Draft{{Conversation: 1, Sender: 1, Body: chat.Created{Kind: chat.KindGroup, Members: []chat.UserID{1}}}})
	assert.NoError(t, "append", err)
	assert.NoError(t, "wait", applied.Wait(t.Context()))
	after := read()
	for _, name := range []string{"throng_store_wal_bytes_total", "throng_store_sync_seconds"} {
		assert.True(t, name+" has risen", after[name] > before[name])
	}
	for _, name := range []string{"throng_store_memtables", "throng_store_memtable_bytes", "throng_store_disk_bytes"} {
		assert.True(t, name+" is known", after[name] > 0)
	}
	for _, name := range []string{"throng_store_compactions_total", "throng_store_l0_files", "throng_store_cache_hits_total", "throng_store_cache_misses_total"} {
		_, ok := after[name]
		assert.True(t, name, ok)
	}
	assert.NoError(t, "close", s.Close())
	_, ok := read()["throng_store_wal_bytes_total"]
	assert.True(t, "a closed store tells nothing", !ok)
}
