//go:build failpoint

package crash_test

import (
	"testing"
	"time"

	"github.com/throng-im/throng/internal/failpoint"
)

// arm takes cuts when the cutter's point is met.
func arm(c *cutter) (disarm func()) {
	if c.point == "" {
		return func() {}
	}
	failpoint.Set(failpoint.Point(c.point), func() { c.take(c.point, 0.1) })
	return func() { failpoint.Set(failpoint.Point(c.point), nil) }
}

// TestFailpoints is T3: the power is cut at each point that an append meets, at least 20 times; what stands then is checked as
// after any other cut. The points of followers are met in the timeline package's test of the same name.
func TestFailpoints(t *testing.T) { // not parallel: points are of the process
	for _, p := range []failpoint.Point{
		failpoint.SubmitQueued, failpoint.AppendCollected, failpoint.AppendDecideBefore, failpoint.AppendEntry, failpoint.AppendRepeat,
		failpoint.AppendMember, failpoint.AppendHead, failpoint.AppendEvent, failpoint.CommitBefore, failpoint.CommitAfter,
		failpoint.SyncBefore, failpoint.SyncAfter, failpoint.PublishBefore, failpoint.PublishAfter, failpoint.AckBefore, failpoint.AckAfter,
	} {
		t.Run(string(p), func(t *testing.T) {
			s := *seed
			if s == 0 {
				s = uint64(time.Now().UnixNano())
			}
			const times = 20
			if out := branch(t, s, string(p)); out.points < times && !t.Failed() {
				t.Errorf("met %d times, want %d; seed %d", out.points, times, s)
			}
		})
	}
}
