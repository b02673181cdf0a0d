package disk_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/message"
	"github.com/throng-im/throng/internal/store/pebble"
)

// steps is the length of the script whose operations on the disk fail one after the other.
const steps = 500

var (
	faultName = flag.String("disk.fault", "", "TestIOErrors: only the fault of this name")
	faultAt   = flag.Int64("disk.at", 0, "TestIOErrors: only this operation")
)

// TestIOErrors is T3b: the n-th operation on the disk fails, for every n that a script meets which does everything a store
// can do. No false acknowledgement, nothing hangs, reads go on, a sync that fails is the end, and the folder opens again
// with all that was acknowledged. I1, I2, I3, I5, I16, I19.
func TestIOErrors(t *testing.T) {
	t.Parallel()
	stride := int64(1)
	if testing.Short() {
		stride = 9
	}
	var runs, fatal atomic.Int64
	begun := time.Now()
	t.Run("faults", func(t *testing.T) {
		for _, f := range faults() {
			if *faultName != "" && *faultName != f.name {
				continue
			}
			t.Run(f.name, func(t *testing.T) {
				t.Parallel()
				n := max(*faultAt, 1)
				for ; ; n += stride {
					r, err := failAt(t.Context(), f, n)
					if err != nil {
						t.Fatalf("operation %d: %v\nrun again with: go test ./test/disk -run TestIOErrors -disk.fault=%q -disk.at=%d", n, err, f.name, n)
					}
					if !r.hit || *faultAt != 0 {
						break
					}
					runs.Add(1)
					if r.fatal {
						fatal.Add(1)
					}
				}
				t.Logf("%d operations", n-1)
			})
		}
	})
	t.Logf("%d runs of %d steps, %d of them ended the process; %s", runs.Load(), steps, fatal.Load(), time.Since(begun).Round(time.Millisecond))
	if want := 2_000 / stride; *faultName == "" && runs.Load() < want {
		t.Errorf("%d runs are wanted", want)
	}
}

// failed is how a run ended.
type failed struct{ hit, fatal bool }

// failAt runs the script on a disk whose n-th operation fails.
func failAt(ctx context.Context, f fault, n int64) (failed, error) {
	mem, known := vfs.NewCrashableMem(), newFacts()
	disk := newFaulty(mem, f, n)
	var fatal atomic.Bool
	o := options(disk)
	o.Fatal = func(error) { fatal.Store(true) } // a server would end here
	var broken error
	ended := make(chan struct{})
	go func() { // a fatal error ends the goroutine that meets it, where a server ends as a whole
		defer close(ended)
		s, err := pebble.Open("data", o)
		if err != nil {
			return
		}
		defer func() {
			if s.Close() != nil {
				fatal.Store(true) // the last sync fails, and says so
			}
		}()
		broken = perform(ctx, s, known, disk, &fatal)
	}()
	select {
	case <-ended:
	case <-time.After(30 * time.Second):
		return failed{}, errors.New("the store hangs")
	}
	if broken != nil {
		return failed{}, broken
	}
	if disk.syncs.Load() > 0 && known.rooms > 0 && !fatal.Load() {
		return failed{}, errors.New("I19: the log's sync failed, and the process was not told to end")
	}
	// The process has ended; the disk answers again, with or without what was not synced.
	keep := int(n % 2 * 100)
	clone := mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: keep, RNG: rand.New(rand.NewPCG(uint64(n), 5))})
	if err := known.verify(clone); err != nil {
		return failed{}, fmt.Errorf("%d%% of unsynced data kept: %w", keep, err)
	}
	return failed{hit: disk.hits.Load() > 0, fatal: fatal.Load()}, nil
}

// perform runs the script. What is acknowledged after the process should have ended, and reads that fail while it should
// not, are broken promises.
func perform(ctx context.Context, s *pebble.Store, known *facts, disk *faulty, fatal *atomic.Bool) error {
	sc, err := begin(s, known, 1)
	if err != nil {
		return nil //nolint:nilerr // the fault met the start
	}
	sc.create(ctx)
	for range steps {
		acked, dead := len(known.sends), fatal.Load()
		sc.step(ctx)
		if dead && len(known.sends) > acked {
			return fmt.Errorf("step %d: acknowledged after the end", sc.n)
		}
	}
	if sc.err != nil {
		return sc.err
	}
	if !fatal.Load() { // whatever failed, reads go on
		for id := chat.ConversationID(1); int(id) <= known.rooms; id++ {
			if _, err := s.Range(ctx, message.Range{Conversation: id, Limit: 200}); err != nil {
				return fmt.Errorf("I19: a read after %d failures: %w", disk.hits.Load(), err)
			}
		}
	}
	return nil
}

// TestSlowSyncs: on a disk whose every sync takes two seconds, nothing is acknowledged before its sync has ended.
func TestSlowSyncs(t *testing.T) {
	t.Parallel()
	keep := uint64(os.Getpid())
	synctest.Test(t, func(t *testing.T) {
		fs, f := vfs.NewCrashableMem(), newFacts()
		var slow atomic.Bool
		var cuts []*vfs.MemFS
		var then []*facts
		s, err := pebble.Open("data", options(errorfs.Wrap(fs, errorfs.InjectorFunc(func(op errorfs.Op) error {
			if isSync(op.Kind) && slow.Load() {
				<-time.After(2 * time.Second) // virtual
				then = append(then, f.now())  // the power goes at the last moment of the sync
				cuts = append(cuts, fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: len(cuts) % 3 * 50, RNG: rand.New(rand.NewPCG(keep, 1))}))
			}
			return nil
		}))))
		if err != nil {
			t.Fatal(err)
		}
		sc, err := begin(s, f, 2)
		if err != nil {
			t.Fatal(err)
		}
		sc.create(t.Context())
		slow.Store(true)
		begun := time.Now()
		for range 300 {
			sc.step(t.Context())
		}
		slow.Store(false)
		if sc.err != nil {
			t.Fatal(sc.err)
		}
		took := time.Since(begun)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		for i, fs := range cuts {
			if err := then[i].verify(fs); err != nil {
				t.Fatalf("power lost during sync %d: %v", i, err)
			}
		}
		if len(cuts) < 100 || took < 2*time.Second*100 {
			t.Errorf("%d slow syncs in %s: too few", len(cuts), took)
		}
		t.Logf("%d syncs of 2 s each, power lost in each of them", len(cuts))
	})
}
