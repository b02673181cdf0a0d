package message

import (
	"context"
	"sync"

	"github.com/throng-im/throng/internal/chat"
)

// flights lets those who ask the same question at the same time share one answer. A flight ends with its leader, which is a
// caller like the others, so there is nothing to stop; how many there are is bounded by the callers.
type flights[K comparable, V any] struct {
	// guarded by mu
	mu    sync.Mutex
	under map[K]*sharedAnswer[V]
}

// sharedAnswer is immutable once done is closed.
type sharedAnswer[V any] struct {
	done  chan struct{}
	value V
	err   error
}

func newFlights[K comparable, V any]() *flights[K, V] {
	return &flights[K, V]{under: make(map[K]*sharedAnswer[V])}
}

// do returns what ask answers, or what it answers to another caller who asked before and waits still. Who leads goes on
// although its own caller gives up, for the sake of the others.
func (f *flights[K, V]) do(ctx context.Context, key K, ask func(ctx context.Context) (V, error)) (V, error) {
	f.mu.Lock()
	if a, ok := f.under[key]; ok {
		f.mu.Unlock()
		select {
		case <-a.done:
			return a.value, a.err
		case <-ctx.Done():
			var none V
			return none, chat.Wrap(ctx.Err(), chat.CodeCanceled, chat.ReasonCanceled, "the caller gave up")
		}
	}
	a := &sharedAnswer[V]{done: make(chan struct{})}
	a.err = chat.Errorf(chat.CodeInternal, chat.ReasonInternal, "internal error") // of a leader that panics
	f.under[key] = a
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		delete(f.under, key)
		f.mu.Unlock()
		close(a.done)
	}()
	a.value, a.err = ask(context.WithoutCancel(ctx))
	return a.value, a.err
}
