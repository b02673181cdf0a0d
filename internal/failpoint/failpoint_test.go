//go:build failpoint

package failpoint_test

import (
	"testing"

	"github.com/throng-im/throng/internal/failpoint"
)

func TestHitRunsWhatWasSet(t *testing.T) {
	seen := map[failpoint.Point]bool{}
	for _, p := range failpoint.All() {
		if seen[p] {
			t.Errorf("%s is listed twice", p)
		}
		seen[p] = true
		n := 0
		failpoint.Hit(p)
		failpoint.Set(p, func() { n++ })
		failpoint.Hit(p)
		failpoint.Set(p, nil)
		failpoint.Hit(p)
		if n != 1 {
			t.Errorf("%s ran %d times, not once", p, n)
		}
	}
}
