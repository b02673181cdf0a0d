package gateway

import (
	"context"
	"math/bits"
	"sync"
	"sync/atomic"
	"time"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/chunk"
	"github.com/throng-im/throng/internal/cluster"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// Names puts names to those who wrote a chunk ([api.Introductions]). It may read the store and is called from goroutines of its
// own; where it takes too long, the chunk goes without.
type Names interface {
	Chunk(ctx context.Context, id chat.ConversationID, senders []chat.UserID) []*throngv1.Profile
}

const (
	// namesPatience is how long a round waits for names at most.
	namesPatience = 50 * time.Millisecond
	// namesWorkers is how many rounds get names at one time, and namesWaiting how many wait for that; what does not fit goes
	// without.
	namesWorkers, namesWaiting = 4, 1_024
)

// crowd gathers the content of large conversations into rounds and hands them to the loops: the shell of the node's
// [chunk.Collector]. Its methods may be called from any goroutine and do not block: mu is held for a few lines. Lock order: mu →
// online shard, inbox.
type crowd struct {
	// immutable after construction
	loops  []*loop
	online *online
	names  Names // may be nil
	pace   func(id chat.ConversationID) chunk.Pace
	enc    *chunk.Encoder
	start  time.Time
	wake   chan struct{}     // capacity 1: something is due earlier
	jobs   chan *chunk.Round // rounds that want names

	// guarded by mu
	mu        sync.Mutex
	collector *chunk.Collector
	lines     map[chat.ConversationID][]*chunk.Round // rounds that wait for the names of the first, in order
}

// flight is a round on its way over the loops.
type flight struct {
	// immutable after construction
	round *chunk.Round

	// atomic
	left atomic.Int32 // loops that are not done with it
}

func newCrowd(s *Server) *crowd {
	enc := chunk.NewEncoder()
	return &crowd{
		loops: s.loops, online: s.online, names: s.deps.Names, pace: s.deps.Pace, enc: enc, start: time.Now(),
		wake: make(chan struct{}, 1), jobs: make(chan *chunk.Round, namesWaiting),
		collector: chunk.NewCollector(enc), lines: make(map[chat.ConversationID][]*chunk.Round),
	}
}

// run lets time pass and looks up names until ctx ends.
func (w *crowd) run(ctx context.Context) {
	var group sync.WaitGroup
	for range namesWorkers {
		group.Go(func() { w.introduce(ctx) })
	}
	defer group.Wait()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		timer.Reset(w.tick())
		select {
		case <-w.wake:
		case <-timer.C:
		case <-ctx.Done():
			return
		}
	}
}

// tick begins what is due and returns how long nothing is.
func (w *crowd) tick() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.collector.Tick(w.now())
	w.dispatch()
	if at, ok := w.collector.Due(); ok {
		return max(at-w.now(), 0)
	}
	return time.Hour
}

func (w *crowd) now() time.Duration { return time.Since(w.start) }

// add takes an entry of a large conversation, where anybody on this node has it open.
func (w *crowd) add(d *cluster.Delivery) {
	if w.online.watched(d.Conversation) == 0 {
		return
	}
	var pace chunk.Pace
	if w.pace != nil {
		pace = w.pace(d.Conversation)
	}
	w.change(func(now time.Duration) { w.collector.Add(now, d.Entry, d.Head, pace) })
}

// done tells that the last loop is done with a round.
func (w *crowd) done(r *chunk.Round) {
	w.change(func(now time.Duration) { w.collector.Done(now, r) })
}

// change does something that may change what the collector has to do next, and what follows from it.
func (w *crowd) change(do func(now time.Duration)) {
	w.mu.Lock()
	before, had := w.collector.Due()
	do(w.now())
	w.dispatch()
	after, has := w.collector.Due()
	w.mu.Unlock()
	if has && (!had || after < before) {
		signal(w.wake)
	}
}

// cut sends what waits of a conversation on its way, without names if need be: something that is delivered in another way, or to
// others, follows. When it returns all of that is in the loops' inboxes.
func (w *crowd) cut(id chat.ConversationID) {
	w.change(func(now time.Duration) {
		w.collector.Cut(now, id)
		w.dispatch()
		line := w.lines[id]
		delete(w.lines, id)
		for _, r := range line {
			w.post(r)
		}
	})
}

// notice is how a conversation is delivered at present.
func (w *crowd) notice(id chat.ConversationID) chunk.Notice {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.collector.Notice(id)
}

// dispatch sends rounds that begin on their way: those with entries over the names. It is called with mu held.
func (w *crowd) dispatch() {
	for _, r := range w.collector.Take() {
		line := w.lines[r.Conversation]
		if len(line) == 0 && (w.names == nil || len(r.Chunks) == 0) {
			w.post(r)
			continue
		}
		w.lines[r.Conversation] = append(line, r)
		if len(line) == 0 {
			w.askNames(r.Conversation)
		}
	}
}

// askNames has the first round of a line get names. It is called with mu held.
func (w *crowd) askNames(id chat.ConversationID) {
	for line := w.lines[id]; len(line) > 0; line = line[1:] {
		w.lines[id] = line
		if len(line[0].Chunks) > 0 {
			select {
			case w.jobs <- line[0]:
				return
			default:
			}
		}
		w.post(line[0])
	}
	delete(w.lines, id)
}

// introduce puts names to rounds, one after the other.
func (w *crowd) introduce(ctx context.Context) {
	for {
		select {
		case r := <-w.jobs:
			in, cancel := context.WithTimeout(ctx, namesPatience)
			profiles := w.names.Chunk(in, r.Conversation, r.Senders())
			cancel()
			w.named(r, profiles)
		case <-ctx.Done():
			return
		}
	}
}

// named sends a round on its way that has its names, unless it went without.
func (w *crowd) named(r *chunk.Round, profiles []*throngv1.Profile) {
	w.change(func(time.Duration) {
		line := w.lines[r.Conversation]
		if len(line) == 0 || line[0] != r {
			return
		}
		r.Introduce(profiles)
		w.post(r)
		w.lines[r.Conversation] = line[1:]
		w.askNames(r.Conversation)
	})
}

// post hands a round to the loops that have receivers. It is called with mu held.
func (w *crowd) post(r *chunk.Round) {
	mask := w.online.watched(r.Conversation) & (1<<len(w.loops) - 1)
	f := &flight{round: r}
	f.left.Store(int32(bits.OnesCount64(mask)) + 1)
	for ; mask != 0; mask &= mask - 1 {
		w.loops[bits.TrailingZeros64(mask)].inbox.Put(op{kind: opRound, flight: f})
	}
	if f.left.Add(-1) == 0 {
		w.collector.Done(w.now(), r)
	}
}

// land tells that a loop is done with a flight.
func (w *crowd) land(f *flight) {
	if f.left.Add(-1) == 0 {
		w.done(f.round)
	}
}
