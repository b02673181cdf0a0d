package gather

import (
	"context"
	"sync"

	"github.com/throng-im/throng/internal/chat"
)

// Flights lets those who ask the same question share answers. Who leads is a caller like the others, and goes on although it gives up, for
// the sake of the others; how many flights there are is bounded by the callers. All methods may be called from any goroutine.
type Flights[K comparable, V any] struct {
	// guarded by mu
	mu    sync.Mutex
	under map[K]*flight[V]
}

// flight is an answer that is looked for. Value and err are immutable once done is closed.
type flight[V any] struct {
	done  chan struct{}
	value V
	err   error
	next  *flight[V] // guarded by mu: begins when this one has ended
}

// NewFlights makes one.
func NewFlights[K comparable, V any]() *Flights[K, V] {
	return &Flights[K, V]{under: make(map[K]*flight[V])}
}

// Join returns what ask answers, or what it answers to somebody who asked the same before and waits still. Callers share it: they are not
// to change what it refers to. Who gives up is told so with chat.CodeCanceled.
func (f *Flights[K, V]) Join(ctx context.Context, key K, ask func(ctx context.Context) (V, error)) (V, error) {
	f.mu.Lock()
	mine, joined := f.under[key]
	if !joined {
		mine = newFlight[V]()
		f.under[key] = mine
	}
	f.mu.Unlock()
	if !joined {
		f.run(context.WithoutCancel(ctx), key, mine, ask)
	}
	return mine.wait(ctx)
}

// Fresh is Join for those who want nothing that was looked for before they asked: while an answer is under way they wait for the next one,
// together.
func (f *Flights[K, V]) Fresh(ctx context.Context, key K, ask func(ctx context.Context) (V, error)) (V, error) {
	f.mu.Lock()
	under := f.under[key]
	mine := newFlight[V]()
	switch {
	case under == nil:
		f.under[key] = mine
	case under.next == nil:
		under.next = mine
	default:
		mine = under.next
	}
	f.mu.Unlock()
	if under == nil {
		f.run(context.WithoutCancel(ctx), key, mine, ask)
	}
	return mine.wait(ctx)
}

func newFlight[V any]() *flight[V] {
	return &flight[V]{
		done: make(chan struct{}),
		err:  chat.Errorf(chat.CodeInternal, chat.ReasonInternal, "internal error"), // of a question that panics
	}
}

// wait returns the answer, also to a caller who has given up when it is there.
func (a *flight[V]) wait(ctx context.Context) (V, error) {
	select {
	case <-a.done:
		return a.value, a.err
	default:
	}
	select {
	case <-a.done:
		return a.value, a.err
	case <-ctx.Done():
		var none V
		return none, errGaveUp(ctx.Err())
	}
}

// run looks for an answer, and for the next one if somebody waits.
func (f *Flights[K, V]) run(ctx context.Context, key K, mine *flight[V], ask func(ctx context.Context) (V, error)) {
	defer func() {
		f.mu.Lock()
		next := mine.next
		if next == nil {
			delete(f.under, key)
		} else {
			f.under[key] = next
		}
		f.mu.Unlock()
		close(mine.done)
		if next != nil {
			go f.run(ctx, key, next, ask) // ends with its answer
		}
	}()
	mine.value, mine.err = ask(ctx)
}
