package pebble_test

import (
	"math/rand/v2"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/porttest"
	"github.com/throng-im/throng/internal/store/pebble"
)

// The port's rules that the spec's rest on: SEND-9 is LOG-7, SEND-13 is LOG-8, what SEND-12 promises of errors is LOG-10,
// SYNC-14 is LOG-3 and LOG-5, DLV-1 is EVT-2: what followers get stands after a crash.
func TestLog(t *testing.T)       { t.Parallel(); porttest.Log(t, openEngine) }
func TestDirectory(t *testing.T) { t.Parallel(); porttest.Directory(t, openEngine) }
func TestReceipts(t *testing.T)  { t.Parallel(); porttest.Receipts(t, openEngine) }
func TestEvents(t *testing.T)    { t.Parallel(); porttest.Events(t, openEngine) }

func TestLogs(t *testing.T) { t.Parallel(); porttest.Logs(t, openEngine) }

func openEngine(t testing.TB) porttest.Engine { return engineOn(t, vfs.NewCrashableMem()) }

// engineOn opens a store whose crashes keep nothing that was not synced.
func engineOn(t testing.TB, fs *vfs.MemFS) porttest.Engine {
	s, err := pebble.Open("data", pebble.Options{FS: fs})
	assert.NoError(t, "opening", err)
	return porttest.Engine{
		Log: s, Directory: s, Positions: s, Events: s, Logs: s.TimelineLogs(), Close: s.Close,
		Crash: func(t testing.TB) porttest.Engine {
			e := engineOn(t, fs.CrashClone(vfs.CrashCloneCfg{RNG: rand.New(rand.NewPCG(1, 2))}))
			t.Cleanup(func() { _ = e.Close() })
			return e
		},
	}
}
