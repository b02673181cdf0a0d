package fanout_test

import (
	"testing"
	"time"

	"github.com/throng-im/throng/bench/fanout"
	"github.com/throng-im/throng/bench/target"
)

// TestMemory runs the real server in this process, under sessions without sockets.
func TestMemory(t *testing.T) {
	t.Parallel()
	rep, err := fanout.Run(t.Context(), fanout.Config{
		Memory: true, Members: 200, Duration: 600 * time.Millisecond, Warmup: 100 * time.Millisecond, Target: target.Options{Folder: t.TempDir()},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if sentence, good := rep.Verdict(); !good {
		t.Error(sentence)
	}
	l := rep.LatencyMS
	if rep.PerSecond <= 0 || l.All <= 0 || l.AllMax < l.All || rep.FlowMS == nil || rep.FlowMS.All < rep.FlowMS.First || rep.RSS == 0 || rep.Limit != 0 {
		t.Errorf("report %+v", rep)
	}
}
