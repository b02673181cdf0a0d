package disk_test

import (
	"flag"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/throng-im/throng/internal/store/pebble"
)

var clockSeed = flag.Uint64("disk.clock", 0, "TestClocks: only the run of this seed")

// clock is a wall clock that somebody plays with.
type clock struct {
	base  time.Time
	ticks atomic.Int64 // nanoseconds since base
	step  atomic.Int64 // how much each look adds: 0 is frozen
}

func (c *clock) now() time.Time { return c.base.Add(time.Duration(c.ticks.Add(c.step.Load()))) }

// play does what happens to clocks.
func (c *clock) play(rng *rand.Rand) {
	switch rng.IntN(8) {
	case 0:
		c.ticks.Add(int64(time.Second))
	case 1:
		c.ticks.Add(-int64(time.Second))
	case 2:
		c.ticks.Add(int64(24 * time.Hour))
	case 3:
		c.ticks.Add(-int64(24 * time.Hour))
	case 4:
		c.step.Store(0)
	case 5:
		c.step.Store(int64(time.Millisecond))
	case 6:
		c.step.Store(int64(time.Hour)) // runs fast
	default:
		c.ticks.Store(-c.base.UnixNano() - int64(time.Hour)) // before 1970
	}
}

// TestClocks is T18 on the store: while the wall clock jumps by a second and by a day, stands still and runs fast, and the
// power goes now and then, order, uniqueness and ids hold (I12, with I1, I2, I3, I5, I16).
func TestClocks(t *testing.T) {
	t.Parallel()
	first, runs := uint64(time.Now().UnixNano()), uint64(60)
	if *clockSeed != 0 {
		first, runs = *clockSeed, 1
	}
	jumps, acked := 0, 0
	for seed := first; seed < first+runs; seed++ {
		rng := rand.New(rand.NewPCG(seed, 9))
		fs, f := vfs.NewCrashableMem(), newFacts()
		c := &clock{base: time.Now()}
		c.step.Store(int64(time.Millisecond))
		for life := range 3 {
			o := options(fs)
			o.Now = c.now
			s, err := pebble.Open("data", o)
			if err != nil {
				t.Fatal(err)
			}
			sc, err := begin(s, f, rng.Uint64())
			if err != nil {
				t.Fatal(err)
			}
			for u := range f.names {
				sc.users = append(sc.users, u)
			}
			if life == 0 {
				sc.create(t.Context())
			}
			for range 150 {
				sc.n += 1_000_000 * life // handles are not met again
				if rng.IntN(10) == 0 {
					c.play(rng)
					jumps++
				}
				sc.step(t.Context())
			}
			fs = fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: rng.IntN(101), RNG: rng})
			if closing := s.Close(); closing != nil || sc.err != nil {
				t.Fatalf("seed %d: %v, %v", seed, closing, sc.err)
			}
			if err := f.verify(fs); err != nil {
				t.Fatalf("life %d: %v\nrun again with: go test ./test/disk -run TestClocks -disk.clock=%d", life, err, seed)
			}
		}
		acked += len(f.sends)
	}
	t.Logf("%d runs of 3 lives, %d jumps, %d acknowledged sends; seeds from %d", runs, jumps, acked, first)
	if *clockSeed == 0 && (jumps < 1_000 || acked < 5_000) {
		t.Error("too little happened")
	}
}
