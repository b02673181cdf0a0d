package pebble_test

import (
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/store/pebble"
)

// I16: a folder opens after a power cut at any sync of its making and its opening, whichever of the entries that were not
// synced the disk kept. Without the order of markerFS a marker outlives the manifest that it names.
func TestPowerLossWhileOpening(t *testing.T) {
	t.Parallel()
	disk, rng := vfs.NewCrashableMem(), rand.New(rand.NewPCG(1, 1))
	var mu sync.Mutex // guards rng and cuts: Pebble syncs on several goroutines
	var cuts []*vfs.MemFS
	watched := errorfs.Wrap(disk, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind == errorfs.OpFileSync {
			mu.Lock()
			defer mu.Unlock()
			for range 8 {
				cuts = append(cuts, disk.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 50, RNG: rng}))
			}
		}
		return nil
	}))
	for range 3 {
		s, err := pebble.Open("data", pebble.Options{FS: watched})
		assert.NoError(t, "opening", err)
		assert.NoError(t, "closing", s.Close())
	}
	assert.True(t, "cuts were taken", len(cuts) > 100)
	for i, cut := range cuts {
		s, err := pebble.Open("data", pebble.Options{FS: cut})
		if err != nil {
			t.Fatalf("cut %d of %d: %v", i, len(cuts), err)
		}
		assert.NoError(t, "closing", s.Close())
	}
}
