package mysql

import (
	fifo "container/list"
	"context"
	"sync"
	"time"

	"github.com/throng-im/throng/internal/chat"
)

const (
	// gatheredAtOnce is how many questions of one kind are under way together, and gatheredMost what one of them asks for. A caller who is
	// alone is asked for at once; while a thousand sessions open, each question is for those who came during the last ones.
	gatheredAtOnce = 2
	gatheredMost   = 128
	// gatherFor bounds a question, whose callers may all have given up.
	gatherFor = 30 * time.Second
)

// Gather asks for many callers together: a thousand sessions that open look up as many rows, one each. What a caller gets was read after its
// call. All methods may be called from any goroutine.
type Gather[K, V any] struct {
	// immutable after construction
	what string
	s    *Store
	ask  func(ctx context.Context, keys []K) ([]Found[V], error)

	// guarded by mu
	mu      sync.Mutex
	waiting fifo.List // of *asked[K, V], oldest first: those who have not given up
	under   int       // questions under way
}

// Found is what was found of one key, or why it was not.
type Found[V any] struct {
	Value V
	Err   error
}

// asked is immutable, once done is closed.
type asked[K, V any] struct {
	key   K
	found Found[V]
	done  chan struct{}
}

// NewGather makes one. ask answers for each of the keys, of which some may be equal, in their order; its error is that of all of them.
func NewGather[K, V any](s *Store, what string, ask func(ctx context.Context, keys []K) ([]Found[V], error)) *Gather[K, V] {
	return &Gather[K, V]{what: what, s: s, ask: ask}
}

// Get returns what ask finds of a key.
func (g *Gather[K, V]) Get(ctx context.Context, key K) (V, error) {
	a := &asked[K, V]{key: key, done: make(chan struct{})}
	g.mu.Lock()
	place := g.waiting.PushBack(a)
	lead := g.under < gatheredAtOnce
	if lead {
		g.under++
	}
	g.mu.Unlock()
	if lead {
		go g.run(context.WithoutCancel(ctx)) // ends when nobody waits
	}
	select {
	case <-a.done:
		return a.found.Value, a.found.Err
	case <-ctx.Done():
		g.mu.Lock()
		g.waiting.Remove(place) // nobody is asked for it, where it is not under way already
		g.mu.Unlock()
		var none V
		return none, g.s.translate(ctx.Err(), g.what)
	}
}

// run asks for those who wait until nobody does.
func (g *Gather[K, V]) run(ctx context.Context) {
	for {
		g.mu.Lock()
		var some []*asked[K, V]
		for e := g.waiting.Front(); e != nil && len(some) < gatheredMost; e = g.waiting.Front() {
			a, _ := g.waiting.Remove(e).(*asked[K, V])
			some = append(some, a)
		}
		if len(some) == 0 {
			g.under--
			g.mu.Unlock()
			return
		}
		g.mu.Unlock()
		g.answer(ctx, some)
	}
}

// answer asks for some. One row that cannot be read is no reason why others are not.
func (g *Gather[K, V]) answer(ctx context.Context, some []*asked[K, V]) {
	ctx, cancel := context.WithTimeout(ctx, gatherFor)
	defer cancel()
	keys := make([]K, len(some))
	for i, a := range some {
		keys[i] = a.key
	}
	all, err := g.ask(ctx, keys)
	if err != nil && ctx.Err() != nil && chat.AsError(err).Code == chat.CodeCanceled { // the question's time is over, and no caller's
		err = chat.Wrap(err, chat.CodeUnavailable, chat.ReasonStorageUnavailable, "%s: the database does not answer", g.what)
	}
	if err != nil && len(some) > 1 && chat.AsError(err).Code == chat.CodeInternal {
		for _, a := range some {
			g.answer(ctx, []*asked[K, V]{a})
		}
		return
	}
	for i, a := range some {
		if a.found.Err = err; err == nil {
			a.found = all[i]
		}
		close(a.done)
	}
}
