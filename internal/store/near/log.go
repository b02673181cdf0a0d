package near

import (
	"context"
	"slices"
	"sync"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/message"
)

// readsAtOnce is how many reads of heads are under way at a time; who asks meanwhile is served by the next one, together with all others.
const readsAtOnce = 4

// Log is a log whose heads and entries many ask for at the same time. Whoever asks gets what a read says that began after that: nobody
// joins one that is under way, which may not have seen what they were told already.
type Log struct {
	message.Log

	heads   *heads
	entries *fresh[message.Range, []chat.Entry]
	metrics *metrics
}

// NewLog makes one of a log.
func NewLog(log message.Log, m *Metrics) *Log {
	l := &Log{Log: log, metrics: m.of()}
	l.heads = &heads{read: func(ctx context.Context, ids []chat.ConversationID) ([]chat.Head, error) {
		l.metrics.read.Inc()
		return log.Heads(ctx, ids)
	}}
	l.entries = &fresh[message.Range, []chat.Entry]{under: make(map[message.Range]*flight[[]chat.Entry])}
	return l
}

// Heads implements [message.Log].
func (l *Log) Heads(ctx context.Context, ids []chat.ConversationID) ([]chat.Head, error) {
	if len(ids) != 1 {
		return l.Log.Heads(ctx, ids) //nolint:wrapcheck // a port answers in our own errors
	}
	l.metrics.asked.Inc()
	h, err := l.heads.get(ctx, ids[0])
	return []chat.Head{h}, err
}

// Range implements [message.Log].
func (l *Log) Range(ctx context.Context, q message.Range) ([]chat.Entry, error) {
	l.metrics.asked.Inc()
	page, err := l.entries.do(ctx, q, func(ctx context.Context) ([]chat.Entry, error) {
		l.metrics.read.Inc()
		return l.Log.Range(ctx, q)
	})
	return slices.Clone(page), err // others get it too, and each may reorder its own
}

func errGaveUp(err error) error {
	return chat.Wrap(err, chat.CodeCanceled, chat.ReasonCanceled, "the caller gave up")
}

// heads reads heads for many callers together.
type heads struct {
	// immutable after construction
	read func(ctx context.Context, ids []chat.ConversationID) ([]chat.Head, error)

	// guarded by mu
	mu      sync.Mutex
	running int
	next    *gathering // who waits for the next read; nil: nobody
}

// gathering is a read of heads, before and after. It is immutable once done is closed.
type gathering struct {
	ids   []chat.ConversationID
	at    map[chat.ConversationID]int
	done  chan struct{}
	heads []chat.Head
	err   error
}

func (h *heads) get(ctx context.Context, id chat.ConversationID) (chat.Head, error) {
	h.mu.Lock()
	g := h.next
	if g == nil {
		g = &gathering{at: make(map[chat.ConversationID]int, 1), done: make(chan struct{})}
		h.next = g
	}
	at, ok := g.at[id]
	if !ok {
		at = len(g.ids)
		g.at[id], g.ids = at, append(g.ids, id)
	}
	lead := h.running < readsAtOnce
	if lead {
		h.running++
		h.next = nil
	}
	h.mu.Unlock()
	if lead {
		h.run(context.WithoutCancel(ctx), g)
	}
	select {
	case <-g.done:
	case <-ctx.Done():
		return chat.Head{}, errGaveUp(ctx.Err())
	}
	if g.err != nil {
		return chat.Head{}, g.err
	}
	return g.heads[at], nil
}

// run makes a read, and has the next one made if somebody waits.
func (h *heads) run(ctx context.Context, g *gathering) {
	g.err = chat.Errorf(chat.CodeInternal, chat.ReasonInternal, "internal error") // of a read that panics
	defer func() {
		h.mu.Lock()
		next := h.next
		h.next = nil
		if next == nil {
			h.running--
		}
		h.mu.Unlock()
		close(g.done)
		if next != nil {
			go h.run(ctx, next) // ends with its read
		}
	}()
	g.heads, g.err = h.read(ctx, g.ids)
}

// fresh lets those who ask the same question share answers, each of which was looked for after its question.
type fresh[K comparable, V any] struct {
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

func (f *fresh[K, V]) do(ctx context.Context, key K, ask func(ctx context.Context) (V, error)) (V, error) {
	f.mu.Lock()
	under := f.under[key]
	mine := &flight[V]{done: make(chan struct{})}
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
	select {
	case <-mine.done:
		return mine.value, mine.err
	case <-ctx.Done():
		var none V
		return none, errGaveUp(ctx.Err())
	}
}

// run looks for an answer, and for the next one if somebody waits.
func (f *fresh[K, V]) run(ctx context.Context, key K, mine *flight[V], ask func(ctx context.Context) (V, error)) {
	mine.err = chat.Errorf(chat.CodeInternal, chat.ReasonInternal, "internal error") // of a read that panics
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
			go f.run(ctx, key, next, ask) // ends with its read
		}
	}()
	mine.value, mine.err = ask(ctx)
}
