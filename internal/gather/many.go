package gather

import (
	fifo "container/list"
	"context"
	"sync"
	"time"

	"github.com/throng-im/throng/internal/chat"
)

// questionFor bounds a question, whose callers may all have given up.
const questionFor = 30 * time.Second

// Many asks for many callers together: a thousand sessions that open look up as many rows, one each. A caller who is alone is asked for at
// once; while a thousand call, each question is for those who came during the last ones. What a caller gets was looked for after its call.
// All methods may be called from any goroutine.
type Many[K comparable, V any] struct {
	// immutable after construction
	atOnce int
	most   int
	ask    Ask[K, V]
	crowd  int           // callers of one question that are a storm; 0: none are
	pause  time.Duration // how long the next question waits then

	// guarded by mu
	mu      sync.Mutex
	waiting fifo.List           // of *asked[K, V], oldest first: those whose callers have not all given up
	by      map[K]*fifo.Element // those of waiting
	under   int                 // questions under way, or about to be
	begun   time.Time           // when the last one began
	storm   bool                // it was one of a storm
	full    chan struct{}       // closed when enough wait for a question; nil where none waits for that
}

// Ask answers for each of the keys, which differ, in their order; its error is that of all of them.
type Ask[K comparable, V any] func(ctx context.Context, keys []K) ([]Found[V], error)

// Found is what was found of one key, or why it was not.
type Found[V any] struct {
	Value V
	Err   error
}

// asked is a key that is asked for.
type asked[K comparable, V any] struct {
	// immutable after construction
	key  K
	done chan struct{}

	// immutable once done is closed
	found Found[V]

	// guarded by mu of Many
	callers int // who wait
}

// NewMany makes one that has so many questions under way at once, of most keys each.
func NewMany[K comparable, V any](atOnce, most int, ask Ask[K, V]) *Many[K, V] {
	return &Many[K, V]{atOnce: atOnce, most: most, ask: ask, by: make(map[K]*fifo.Element)}
}

// Pausing has a question that follows one of so many keys wait until it has as many as it may, or until so long after that one began: where
// a question costs as much as many of its keys, and callers come faster than they can be answered, they are answered sooner that way. It
// returns m, and is called before anything else.
func (m *Many[K, V]) Pausing(crowd int, pause time.Duration) *Many[K, V] {
	m.crowd, m.pause = crowd, pause
	return m
}

// Get returns what is found of a key. Callers with equal keys may share it: they are not to change what it refers to. Who gives up is
// told so with chat.CodeCanceled, and takes nobody along.
func (m *Many[K, V]) Get(ctx context.Context, key K) (V, error) {
	m.mu.Lock()
	place := m.by[key]
	if place == nil {
		place = m.waiting.PushBack(&asked[K, V]{key: key, done: make(chan struct{})})
		m.by[key] = place
	}
	a, _ := place.Value.(*asked[K, V])
	a.callers++
	lead := m.under < m.atOnce && m.full == nil
	var some []*asked[K, V]
	if lead {
		if m.under++; m.rest() <= 0 {
			some = m.take()
		}
	}
	if m.full != nil && m.waiting.Len() >= m.most {
		close(m.full)
		m.full = nil
	}
	m.mu.Unlock()
	if lead {
		go m.run(context.WithoutCancel(ctx), some) // ends when nobody waits
	}
	select {
	case <-a.done:
		return a.found.Value, a.found.Err
	case <-ctx.Done():
		m.leave(place, a)
		var none V
		return none, errGaveUp(ctx.Err())
	}
}

// leave takes a caller out of those who wait. Nobody is asked for without one, where that is not under way already.
func (m *Many[K, V]) leave(place *fifo.Element, a *asked[K, V]) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if a.callers--; a.callers == 0 && m.by[a.key] == place {
		m.waiting.Remove(place)
		delete(m.by, a.key)
	}
}

// run asks for some, and then for those who wait until nobody does, or another one is about to.
func (m *Many[K, V]) run(ctx context.Context, some []*asked[K, V]) {
	for {
		if len(some) > 0 {
			m.answer(ctx, some)
		}
		m.mu.Lock()
		if rest := m.rest(); rest > 0 {
			m.linger(rest)
		}
		if some = nil; m.full == nil {
			some = m.take()
		}
		if len(some) == 0 {
			m.under--
			if m.waiting.Len() == 0 {
				m.by = make(map[K]*fifo.Element) // a map does not get smaller by itself
			}
			m.mu.Unlock()
			return
		}
		m.mu.Unlock()
	}
}

// rest is how long the next question waits for more to ask. It must be called with mu held.
func (m *Many[K, V]) rest() time.Duration {
	if n := m.waiting.Len(); !m.storm || m.full != nil || n == 0 || n >= m.most {
		return 0
	}
	return m.pause - time.Since(m.begun)
}

// linger waits until there is enough to ask for, or for so long. It must be called with mu held, which it gives away meanwhile.
func (m *Many[K, V]) linger(rest time.Duration) {
	full := make(chan struct{})
	m.full = full
	m.mu.Unlock()
	t := time.NewTimer(rest)
	select {
	case <-full:
		t.Stop()
	case <-t.C:
	}
	m.mu.Lock()
	if m.full == full {
		m.full = nil
	}
}

// take takes those out who have waited the longest. It must be called with mu held.
func (m *Many[K, V]) take() (some []*asked[K, V]) {
	for e := m.waiting.Front(); e != nil && len(some) < m.most; e = m.waiting.Front() {
		a, _ := m.waiting.Remove(e).(*asked[K, V])
		delete(m.by, a.key)
		some = append(some, a)
	}
	if len(some) > 0 {
		m.begun, m.storm = time.Now(), m.crowd > 0 && len(some) >= m.crowd
	}
	return some
}

// answer asks for some. One row that cannot be read is no reason why others are not.
func (m *Many[K, V]) answer(ctx context.Context, some []*asked[K, V]) {
	ctx, cancel := context.WithTimeout(ctx, questionFor)
	defer cancel()
	keys := make([]K, len(some))
	for i, a := range some {
		keys[i] = a.key
	}
	all, err := m.ask(ctx, keys)
	if err != nil && ctx.Err() != nil && chat.AsError(err).Code == chat.CodeCanceled { // the question's time is over, and no caller's
		err = chat.Wrap(err, chat.CodeUnavailable, chat.ReasonStorageUnavailable, "there was no answer within %v", questionFor)
	}
	if err != nil && len(some) > 1 && chat.AsError(err).Code == chat.CodeInternal {
		for _, a := range some {
			m.answer(ctx, []*asked[K, V]{a})
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

func errGaveUp(err error) error {
	return chat.Wrap(err, chat.CodeCanceled, chat.ReasonCanceled, "the caller gave up")
}
