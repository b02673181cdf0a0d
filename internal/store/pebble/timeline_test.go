package pebble_test

import (
	"context"
	"math/rand/v2"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/porttest"
	"github.com/throng-im/throng/internal/store/pebble"
	"github.com/throng-im/throng/internal/store/pebble/check"
)

// crashable is timelines on a file system that can lose power.
type crashable struct {
	*pebble.Timelines
	fs    *vfs.MemFS
	store *pebble.Store
	rng   *rand.Rand
}

func openTimelines(t testing.TB, fs *vfs.MemFS, rng *rand.Rand) *crashable {
	t.Helper()
	store, err := pebble.Open("data", pebble.Options{FS: fs, Fatal: func(error) {}})
	assert.NoError(t, "opening", err)
	rows, err := store.Timelines()
	assert.NoError(t, "timelines", err)
	t.Cleanup(func() { _ = store.Close() })
	return &crashable{Timelines: rows, fs: fs, store: store, rng: rng}
}

func (c *crashable) Crash(t testing.TB) porttest.TimelineStore {
	t.Helper()
	clone := c.fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: c.rng.IntN(101), RNG: c.rng})
	assert.NoError(t, "closing", c.store.Close())
	return openTimelines(t, clone, c.rng)
}

func (c *crashable) Rebuild(t testing.TB) porttest.TimelineStore {
	t.Helper()
	assert.NoError(t, "closing", c.store.Close())
	assert.NoError(t, "rebuilding", check.Timelines(context.Background(), "data", check.Options{FS: c.fs, Tell: func(string) {}}))
	return openTimelines(t, c.fs, c.rng)
}

func TestTimelines(t *testing.T) {
	t.Parallel()
	porttest.Timeline(t, func(t testing.TB) porttest.TimelineStore {
		return openTimelines(t, vfs.NewCrashableMem(), rand.New(rand.NewPCG(1, 1)))
	})
}
