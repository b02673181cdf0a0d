package crash_test

import (
	"flag"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

var (
	seed   = flag.Uint64("crash.seed", 0, "run only the branch of this seed")
	points = flag.Int("crash.points", 0, "how many power cuts there are at least; 0 is 1,000, 100,000 nightly, 50 with -short")
)

// TestPowerLoss is T1: writers work through the message service on a disk that forgets what was not synced. Crashes are
// taken at random moments and right before syncs; each is opened, checked against what was acknowledged by then, and some
// of them are where the next writers go on. I1, I2, I3, I5, I16.
func TestPowerLoss(t *testing.T) {
	t.Parallel()
	want := *points
	switch {
	case want != 0:
	case testing.Short():
		want = 50
	case os.Getenv("RELIABILITY") == "nightly":
		want = 100_000
	default:
		want = 1_000
	}
	if *seed != 0 {
		t.Logf("seed %d: %+v", *seed, branch(t, *seed))
		return
	}
	base := uint64(1) // the seeds of a commit are the same for everybody; nights look for new ones
	if os.Getenv("RELIABILITY") == "nightly" {
		base = uint64(time.Now().UnixNano())
	}
	total, acked, begun := 0, 0, time.Now()
	for n := uint64(0); total < want; n++ {
		r := branch(t, base+n)
		total += r.points
		acked += r.acked
		if t.Failed() {
			return
		}
	}
	t.Logf("%d crash points, %d acknowledged operations, %s; seeds from %d", total, acked, time.Since(begun).Round(time.Millisecond), base)
}

// outcome counts what a branch did.
type outcome struct{ points, acked int }

// branch runs a fresh store through a few lives, each of which begins with what a power cut left of the one before.
func branch(t *testing.T, seed uint64) outcome {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 1))
	fs, h := vfs.NewCrashableMem(), newHistory()
	var out outcome
	for life := range 3 {
		cuts := live(t, rng, life, fs, h)
		for i, c := range cuts {
			if err := c.verify(i == len(cuts)-1); err != nil {
				t.Errorf("life %d, crash %d of %d (%s): %v\nrun again with: go test ./test/crash -run TestPowerLoss -crash.seed=%d",
					life, i, len(cuts), c.when, err, seed)
				return out
			}
		}
		out.points += len(cuts)
		last := cuts[len(cuts)-1]
		out.acked += len(last.history.sends) + len(last.history.marks)
		fs, h = last.fs, last.history
	}
	return out
}
