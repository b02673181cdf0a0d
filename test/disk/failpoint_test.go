//go:build failpoint

package disk_test

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/throng-im/throng/internal/failpoint"
	"github.com/throng-im/throng/internal/message"
	"github.com/throng-im/throng/internal/store/pebble"
	"github.com/throng-im/throng/internal/timeline"
)

var (
	pointRounds = flag.Int("disk.rounds", 0, "TestFailpoints: how often each point is met; 0 is 20, 500 nightly")
	pointName   = flag.String("disk.point", "", "TestFailpoints: only this point")
	pointSeed   = flag.Uint64("disk.pointseed", 0, "TestFailpoints: only the round of this seed")
)

const minPoints = 25

// TestFailpoints is T3: at every named point of the code the power goes, or the code pauses, while the script works through
// the message service and the timelines' follower runs. I1, I2, I3, I5, I16.
func TestFailpoints(t *testing.T) {
	rounds := *pointRounds
	switch {
	case rounds != 0:
	case os.Getenv("RELIABILITY") == "nightly":
		rounds = 500
	default:
		rounds = 20
	}
	first := uint64(time.Now().UnixNano()) //nolint:gosec // not negative
	if *pointSeed != 0 {
		first, rounds = *pointSeed, 1
	}
	points, cuts, begun := 0, 0, time.Now()
	for _, p := range failpoint.All() {
		if *pointName != "" && *pointName != string(p) {
			continue
		}
		t.Run(string(p), func(t *testing.T) {
			met := 0
			for try := uint64(0); met < rounds && try < uint64(3*rounds); try++ {
				seed := first + try
				cut, err := crashAt(t.Context(), p, seed)
				if err != nil {
					t.Fatalf("%v\nrun again with: go test -tags failpoint ./test/disk -run TestFailpoints -disk.point=%s -disk.pointseed=%d", err, p, seed)
				}
				if cut {
					met++
				}
			}
			if met < rounds {
				t.Errorf("met in %d rounds only, %d are wanted", met, rounds)
			}
			points++
			cuts += met
		})
	}
	t.Logf("%d points, %d power cuts at them; seeds from %d; %s", points, cuts, first, time.Since(begun).Round(time.Millisecond))
	if *pointName == "" && points < minPoints {
		t.Errorf("%d points are wanted", minPoints)
	}
}

// moment is what stood when a point was met.
type moment struct {
	mu    sync.Mutex
	pass  int // hits to let pass
	clone *vfs.MemFS
	facts *facts
}

func (m *moment) taken() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.clone != nil
}

// crashAt runs a script until the point was met, and holds what a power cut there leaves against what was acknowledged.
func crashAt(ctx context.Context, p failpoint.Point, seed uint64) (cut bool, err error) {
	rng := rand.New(rand.NewPCG(seed, 3))
	fs, f := vfs.NewCrashableMem(), newFacts()
	at := &moment{pass: rng.IntN(6)}
	if p == failpoint.LeaseBefore || p == failpoint.LeaseAfter {
		at.pass = 0 // a block of ids lasts for a life
	}
	keep, pause := rng.IntN(101), rng.IntN(2) == 0
	failpoint.Set(p, func() {
		at.mu.Lock()
		if at.pass--; at.pass == -1 {
			// The facts first: what is acknowledged from here on may be lost.
			at.facts = f.now()
			at.clone = fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: keep, RNG: rng})
		}
		at.mu.Unlock()
		if pause {
			<-time.After(50 * time.Microsecond)
		}
	})
	defer failpoint.Set(p, nil)
	s, err := pebble.Open("data", options(fs))
	if err != nil {
		return false, err
	}
	sc, end, err := served(ctx, s, f, seed)
	if err != nil {
		return false, err
	}
	sc.create(ctx)
	for i := 0; i < 300 && !at.taken(); i++ {
		sc.step(ctx)
	}
	end()
	failpoint.Set(p, nil)
	if closing := s.Close(); closing != nil || sc.err != nil {
		return false, fmt.Errorf("on the way: %w, %w", closing, sc.err)
	}
	if at.clone == nil {
		return false, nil
	}
	return true, at.facts.verify(at.clone)
}

// served is a script whose drafts go through the service, with the follower at work.
func served(ctx context.Context, s *pebble.Store, f *facts, seed uint64) (*script, func(), error) {
	sc, err := begin(s, f, seed)
	if err != nil {
		return nil, nil, err
	}
	quiet := slog.New(slog.DiscardHandler)
	service := message.New(message.DefaultConfig(), s, s, nil, quiet)
	cfg := timeline.Default()
	cfg.Save, cfg.Stretch = time.Microsecond, time.Millisecond
	rows, ok := sc.timelines.(*pebble.Timelines)
	if !ok {
		return nil, nil, fmt.Errorf("timelines are %T", sc.timelines)
	}
	follower := timeline.NewFollower(cfg, rows, s.TimelineLogs(), s.TimelineEvents(), quiet)
	sc.append, sc.rows = service.Append, false
	run, stop := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { _ = service.Run(run) })
	wg.Go(func() { _ = follower.Run(run) })
	return sc, func() { stop(); wg.Wait() }, nil
}
