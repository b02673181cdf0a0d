package gather_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/gather"
)

// versions answers with its version as of the beginning of the question, once it is let.
type versions struct {
	let chan struct{}

	// guarded by mu
	mu      sync.Mutex
	version int
	asked   int
}

func (v *versions) ask(ctx context.Context) (int, error) {
	v.mu.Lock()
	v.asked++
	version := v.version
	v.mu.Unlock()
	select {
	case <-v.let:
		return version, nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

func (v *versions) set(version int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.version = version
}

// Who joins gets what is under way; who wants it fresh gets what was looked for after the call, together with all who came meanwhile.
func TestFlights(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := &versions{let: make(chan struct{}), version: 1}
		f := gather.NewFlights[string, int]()
		var all sync.WaitGroup
		call := func(count, want int, do func(context.Context, string, func(context.Context) (int, error)) (int, error)) {
			for range count {
				all.Go(func() {
					got, err := do(t.Context(), "key", v.ask)
					assert.NoError(t, "answer", err)
					assert.Equal(t, "version", got, want)
				})
			}
			synctest.Wait()
		}
		call(1, 1, f.Fresh)
		v.set(2)
		call(100, 1, f.Join)
		call(100, 2, f.Fresh)
		close(v.let)
		all.Wait()
		assert.Equal(t, "questions for 201 callers", v.asked, 2)
		v.set(3)
		call(1, 3, f.Join) // nothing is kept
		call(1, 3, f.Fresh)
		all.Wait()
		assert.Equal(t, "questions then", v.asked, 4)
	})
}

// A question is not kept waiting by another one, and one caller who gives up takes nobody along, not even as the one who leads.
func TestGivingUpOnAFlight(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		slow, quick := &versions{let: make(chan struct{}), version: 1}, &versions{let: make(chan struct{}), version: 2}
		close(quick.let)
		f := gather.NewFlights[string, int]()
		ctx, cancel := context.WithCancel(t.Context())
		led, gave, stays := make(chan error, 1), make(chan error, 2), make(chan error, 2)
		go func() { _, err := f.Join(ctx, "slow", slow.ask); led <- err }()
		synctest.Wait()
		go func() { _, err := f.Join(ctx, "slow", slow.ask); gave <- err }()
		go func() { _, err := f.Fresh(ctx, "slow", slow.ask); gave <- err }()
		go func() { _, err := f.Join(t.Context(), "slow", slow.ask); stays <- err }()
		go func() { _, err := f.Fresh(t.Context(), "slow", slow.ask); stays <- err }()
		synctest.Wait()
		got, err := f.Fresh(t.Context(), "quick", quick.ask)
		assert.True(t, "another question", got == 2 && err == nil)
		cancel()
		for range 2 {
			assert.Equal(t, "who gave up", chat.AsError(<-gave).Code, chat.CodeCanceled)
		}
		close(slow.let)
		for range 2 {
			assert.NoError(t, "who stays", <-stays)
		}
		assert.NoError(t, "who led has the answer, too", <-led)
	})
}

// Whoever waits for a question that panics is told, and the next one is asked.
func TestAQuestionThatPanics(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan struct{})
		f := gather.NewFlights[int, int]()
		panicked, joined, next := make(chan any, 1), make(chan error, 1), make(chan error, 1)
		go func() {
			defer func() { panicked <- recover() }()
			_, _ = f.Join(t.Context(), 1, func(context.Context) (int, error) {
				<-gate
				panic("a bug")
			})
		}()
		synctest.Wait()
		go func() { _, err := f.Join(t.Context(), 1, nil); joined <- err }()
		synctest.Wait()
		close(gate)
		assert.Equal(t, "the one who asked", <-panicked, any("a bug"))
		assert.Equal(t, "the one who waited", chat.AsError(<-joined).Code, chat.CodeInternal)
		go func() {
			_, err := f.Fresh(t.Context(), 1, func(context.Context) (int, error) { return 1, nil })
			next <- err
		}()
		assert.NoError(t, "the next one", <-next)
	})
}
