//go:build cluster

package mysql

import (
	"fmt"
	"testing"

	"github.com/throng-im/throng/internal/porttest"
)

// The rules hold on one database and on several.
func onEach(t *testing.T, run func(t *testing.T, open func(t testing.TB) porttest.Engine)) {
	t.Parallel()
	for _, n := range []int{1, 2} {
		t.Run(fmt.Sprintf("databases=%d", n), func(t *testing.T) {
			t.Parallel()
			run(t, func(t testing.TB) porttest.Engine { return engineOn(t, settings(t, n)) })
		})
	}
}

func TestLog(t *testing.T)       { onEach(t, porttest.Log) }
func TestDirectory(t *testing.T) { onEach(t, porttest.Directory) }
func TestReceipts(t *testing.T)  { onEach(t, porttest.Receipts) }
func TestLogs(t *testing.T)      { onEach(t, porttest.Logs) }
func TestOutbox(t *testing.T)    { onEach(t, porttest.Outbox) }

// engineOn opens a store on databases. What a crash leaves is what another node sees: that the server's own crash leaves the same is
// for a test of its own.
func engineOn(t testing.TB, c Config) porttest.Engine {
	s := open(t, c)
	return porttest.Engine{
		Log: s, Directory: s, Positions: s, Logs: s.TimelineLogs(), Outbox: s, Close: s.Close,
		Crash: func(t testing.TB) porttest.Engine { return engineOn(t, c) },
	}
}
