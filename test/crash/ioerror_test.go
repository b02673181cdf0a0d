package crash_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/store/pebble"
)

// TestIOErrors is T3b: the n-th operation on the disk fails, for every n that a script of appends meets. There is no false
// acknowledgement, nothing hangs, and the folder opens again with all that was acknowledged (I1, I2, I3, I19).
func TestIOErrors(t *testing.T) {
	t.Parallel()
	for _, fault := range []struct {
		name string
		err  error
		once bool
	}{
		{"EIO once", syscall.EIO, true},
		{"EIO from then on", syscall.EIO, false},
		{"ENOSPC once", syscall.ENOSPC, true},
		{"ENOSPC from then on", syscall.ENOSPC, false},
	} {
		t.Run(fault.name, func(t *testing.T) {
			t.Parallel()
			step := int64(1)
			if testing.Short() {
				step = 7
			}
			n := int64(1)
			for ; ; n += step {
				hit, err := failAt(n, fault.err, fault.once)
				if err != nil {
					t.Fatalf("operation %d fails with %s: %v", n, fault.name, err)
				}
				if !hit {
					break
				}
			}
			t.Logf("%d operations, each failed once", n-1)
		})
	}
}

// failAt runs the script with the n-th operation failing. hit reports whether there were as many.
func failAt(n int64, fault error, once bool) (hit bool, err error) {
	fs, h := vfs.NewCrashableMem(), newHistory()
	var ops atomic.Int64
	watched := errorfs.Wrap(fs, errorfs.InjectorFunc(func(op errorfs.Op) error {
		// A folder whose sync fails makes Pebble panic on a goroutine of its own, which no test survives.
		if op.Kind.ReadOrWrite() != errorfs.OpIsWrite || op.Kind == errorfs.OpFileClose || op.Kind == errorfs.OpFileSync && op.Path == "data" {
			return nil
		}
		if at := ops.Add(1); at == n || at > n && !once {
			return fault
		}
		return nil
	}))
	o := options(watched)
	o.MemTableBytes = 4 << 20 // the log is not rotated: a rotation that fails ends the process at once, and any test with it
	o.Fatal = func(error) {}  // a server would end here
	if store, err := pebble.Open("data", o); err == nil {
		ended := make(chan struct{})
		go func() { // a fatal error ends the goroutine that meets it, where a server ends as a whole
			defer close(ended)
			perform(store, h)
		}()
		<-ended
		_ = store.Close()
	}
	// The process has ended; the disk answers again, with and without what was not synced.
	for _, keep := range []int{0, 100} {
		c := cut{
			fs:      fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: keep, RNG: rand.New(rand.NewPCG(uint64(n), 5))}),
			history: h.now(),
		}
		if err := c.verify(true); err != nil {
			return true, fmt.Errorf("%d%% of unsynced data kept: %w", keep, err)
		}
	}
	return ops.Load() >= n, nil
}

// perform appends a fixed script, and goes on after errors as clients do.
func perform(store *pebble.Store, h *history) {
	ctx := context.Background()
	for id := 1; id <= 3; id++ {
		if _, err := durable(ctx, store, created(id)); err == nil {
			h.created()
		}
	}
	for n := range 60 {
		d := &chat.Draft{
			Conversation: chat.ConversationID(1 + n%3), Sender: chat.UserID(1 + n%members),
			Body: chat.Text{Text: fmt.Sprintf("text %d", n)},
		}
		binary.BigEndian.PutUint64(d.ClientID[:], uint64(n+1))
		for range 2 { // the second one repeats the first
			if r, err := durable(ctx, store, d); err == nil {
				h.sent(d, r)
			}
		}
	}
}

// durable appends and waits, as the service does.
func durable(ctx context.Context, store *pebble.Store, d *chat.Draft) (chat.Result, error) {
	a, err := store.Append(ctx, []*chat.Draft{d})
	if err != nil {
		return chat.Result{}, coded(err)
	}
	if err := a.Wait(ctx); err != nil {
		return chat.Result{}, coded(err)
	}
	if r := a.Results()[0]; r.Err != nil {
		return r, r.Err
	}
	return a.Results()[0], nil
}

// coded panics on an error that no client would understand.
func coded(err error) error {
	var e *chat.Error
	if !errors.As(err, &e) {
		panic(fmt.Sprintf("an error without a code left the store: %v", err))
	}
	return err
}
