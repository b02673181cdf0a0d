package pebble

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/failpoint"
)

// idleSync is how long an applied write that nobody waits for may stay unsynced.
const idleSync = 100 * time.Millisecond

// generation numbers the applied batches of one run of the process, in the order in which they were applied.
type generation uint64

// engine is the group commit: writes are decided and applied one at a time under mu, without a sync; one syncer makes
// everything that was applied durable with a single empty synced record and then lets the waiters go. Any number of
// appends share a sync, and the next batch is built while the disk works.
type engine struct {
	// immutable after construction
	db       *pebble.DB
	closed   chan struct{} // closed by Close: no more writes
	done     chan struct{} // closed when the syncer has ended
	kick     chan struct{} // capacity 1: somebody waits for a sync
	unsynced chan struct{} // capacity 1: something was applied
	onSync   func([]*commit)
	told     func(error) // Options.Fatal

	syncSeconds prometheus.Histogram

	mu sync.Mutex // held while deciding and applying; protects no field here

	// life is held for reading by readers of db, for writing by Close: Pebble panics where a closed database is read
	life sync.RWMutex

	// guarded by syncMu
	syncMu  sync.Mutex
	applied generation
	synced  generation
	wanted  generation // highest that somebody waits for
	changed chan struct{}
	failed  error // why nothing can be made durable any more
	pending []*commit
	dirty   map[chat.ConversationID]generation

	// atomic
	durable atomic.Uint64 // position of the newest durable events; stored under syncMu, before those who wait for it are let go
}

// commit is what stands about an applied batch until it is durable.
type commit struct {
	gen      generation
	touched  []chat.ConversationID // their reads must wait for gen
	position chat.Position         // of the events; 0 where there are none
	events   []chat.Event
	bytes    int // approximate size of the events
	// ended is called once the batch was applied, or was not; nil where nobody needs to know. engine.mu is held.
	ended func(applied bool)
}

func newEngine(db *pebble.DB, onSync func([]*commit), told func(error)) *engine {
	return &engine{
		db:   db,
		told: told,

		syncSeconds: newSyncSeconds(),

		closed:   make(chan struct{}),
		done:     make(chan struct{}),
		kick:     make(chan struct{}, 1),
		unsynced: make(chan struct{}, 1),
		onSync:   onSync,
		changed:  make(chan struct{}),
		dirty:    make(map[chat.ConversationID]generation),
	}
}

// apply runs fn alone, with a batch to fill, and commits the batch unsynced. fn's error discards it. The generation
// returned is what [engine.wait] takes; a batch that stays empty needs everything applied so far.
func (e *engine) apply(fn func(b *pebble.Batch) error) (generation, error) {
	return e.applyNoted(&commit{}, fn)
}

// applyNoted is apply for a batch with something to be noted about it; fn may fill note.
func (e *engine) applyNoted(note *commit, fn func(b *pebble.Batch) error) (generation, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.writable(); err != nil {
		return 0, err
	}
	b := e.db.NewBatch()
	defer func() { _ = b.Close() }()
	if err := fn(b); err != nil {
		return 0, err
	}
	if b.Empty() {
		if note.ended != nil {
			note.ended(true)
		}
		return e.appliedNow(), nil
	}
	g, err := e.commit(b, note)
	if note.ended != nil {
		note.ended(err == nil)
	}
	return g, err
}

// commit applies a filled batch. Conversations are marked before the batch can be seen: a reader that sees it waits for it.
func (e *engine) commit(b *pebble.Batch, note *commit) (generation, error) {
	e.syncMu.Lock()
	note.gen = e.applied + 1
	for _, id := range note.touched {
		e.dirty[id] = note.gen
	}
	e.syncMu.Unlock()

	failpoint.Hit(failpoint.CommitBefore)
	err := e.write(func() error { return b.Commit(pebble.NoSync) })
	failpoint.Hit(failpoint.CommitAfter)

	e.syncMu.Lock()
	defer e.syncMu.Unlock()
	if err != nil {
		note.position, note.events = 0, nil
	}
	e.applied = note.gen // also after a failure, so that readers which saw the mark do not wait for ever
	e.pending = append(e.pending, note)
	if e.wanted >= note.gen {
		signal(e.kick)
	}
	signal(e.unsynced)
	if err != nil {
		return 0, inDoubt(err)
	}
	return note.gen, nil
}

// writable refuses writes to a store that is closed or has failed.
func (e *engine) writable() error {
	select {
	case <-e.closed:
		return errClosed()
	default:
	}
	e.syncMu.Lock()
	defer e.syncMu.Unlock()
	return e.failed
}

func (e *engine) appliedNow() generation {
	e.syncMu.Lock()
	defer e.syncMu.Unlock()
	return e.applied
}

// read lets the caller read the database until release is called.
func (e *engine) read() (release func(), err error) {
	e.life.RLock()
	select {
	case <-e.closed:
		e.life.RUnlock()
		return nil, errClosed()
	default:
		return e.life.RUnlock, nil
	}
}

// settle blocks until what was just read of the conversations is durable. Others' writes are not waited for.
func (e *engine) settle(ctx context.Context, ids ...chat.ConversationID) error {
	e.syncMu.Lock()
	var g generation
	if len(e.dirty) > 0 {
		for _, id := range ids {
			g = max(g, e.dirty[id])
		}
	}
	e.syncMu.Unlock()
	if g == 0 {
		return nil
	}
	return e.wait(ctx, g)
}

// wait blocks until everything up to g is on disk.
func (e *engine) wait(ctx context.Context, g generation) error {
	for {
		e.syncMu.Lock()
		synced, failed, changed := e.synced, e.failed, e.changed
		e.wanted = max(e.wanted, g)
		e.syncMu.Unlock()
		switch {
		case synced >= g:
			return nil
		case failed != nil:
			return failed
		}
		signal(e.kick)
		select {
		case <-changed:
		case <-ctx.Done():
			return chat.Wrap(ctx.Err(), chat.CodeUnknown, chat.ReasonInDoubt,
				"the wait for the disk was cut off; send again with the same client id")
		case <-e.done:
			return e.waitEnded(g)
		}
	}
}

// waitEnded answers a wait after the last sync.
func (e *engine) waitEnded(g generation) error {
	e.syncMu.Lock()
	defer e.syncMu.Unlock()
	switch {
	case e.synced >= g:
		return nil
	case e.failed != nil:
		return e.failed
	default:
		return inDoubt(pebble.ErrClosed)
	}
}

// runSyncer syncs whenever somebody waits, and idleSync after a write for which nobody does. It ends when the store closes.
func (e *engine) runSyncer() {
	defer close(e.done)
	idle := time.NewTimer(idleSync)
	idle.Stop()
	armed := false
	for {
		select {
		case <-e.kick:
		case <-e.unsynced:
			if !armed {
				idle.Reset(idleSync)
				armed = true
			}
			continue
		case <-idle.C:
			armed = false
		case <-e.closed:
			idle.Stop()
			e.syncOnce()
			return
		}
		e.syncOnce()
	}
}

// syncOnce makes everything applied so far durable, and then known.
func (e *engine) syncOnce() {
	e.syncMu.Lock()
	g := e.applied
	idle := g == e.synced || e.failed != nil
	e.syncMu.Unlock()
	if idle {
		return
	}
	failpoint.Hit(failpoint.SyncBefore)
	opts := pebble.Sync
	if mutant == mutantNoFsync {
		opts = pebble.NoSync
	}
	began := time.Now()
	if err := e.write(func() error { return e.db.LogData(nil, opts) }); err != nil {
		return
	}
	e.syncSeconds.Observe(time.Since(began).Seconds())
	failpoint.Hit(failpoint.SyncAfter)

	e.syncMu.Lock()
	e.synced = g
	n := 0
	for n < len(e.pending) && e.pending[n].gen <= g {
		for _, id := range e.pending[n].touched {
			if e.dirty[id] == e.pending[n].gen {
				delete(e.dirty, id)
			}
		}
		if p := e.pending[n].position; p != 0 {
			e.durable.Store(uint64(p))
		}
		n++
	}
	durable := e.pending[:n:n]
	e.pending = e.pending[n:]
	close(e.changed)
	e.changed = make(chan struct{})
	e.syncMu.Unlock()
	failpoint.Hit(failpoint.PublishBefore)
	e.onSync(durable)
	failpoint.Hit(failpoint.PublishAfter)
}

// write runs a write of the database. Pebble answers what it cannot undo with a panic or by [engineLogger.Fatalf]; so every
// failure of a write is one of the store.
func (e *engine) write(fn func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the storage engine gave up: %v", p)
		}
		if err != nil {
			e.die(err)
		}
	}()
	return fn()
}

// die ends the store for good and tells the process to end.
func (e *engine) die(err error) {
	e.fail(err)
	if e.told == nil {
		panic(err) //nolint:forbidigo // the process must not go on as if writes were durable
	}
	e.told(err)
}

// fail ends all waiting and all writing: what was applied cannot be made durable, and trying once more would not make it
// so (the kernel may have dropped the pages).
func (e *engine) fail(err error) {
	e.syncMu.Lock()
	defer e.syncMu.Unlock()
	if e.failed != nil {
		return
	}
	e.failed = chat.Wrap(err, chat.CodeUnknown, chat.ReasonInDoubt, "the disk refused to make the write durable; send it again with the same client id")
	close(e.changed)
	e.changed = make(chan struct{})
}

// failure is why nothing can be made durable any more; nil while all is well.
func (e *engine) failure() error {
	e.syncMu.Lock()
	defer e.syncMu.Unlock()
	return e.failed
}

// settled reports that everything applied is durable.
func (e *engine) settled() bool {
	e.syncMu.Lock()
	defer e.syncMu.Unlock()
	return e.synced == e.applied
}

// stop ends writing and the syncer, after a last sync.
func (e *engine) stop() (first bool) {
	e.mu.Lock()
	select {
	case <-e.closed:
		e.mu.Unlock()
		<-e.done
		return false
	default:
		close(e.closed)
	}
	e.mu.Unlock()
	<-e.done
	return true
}

// signal wakes the reader of a channel of capacity 1; one that is about to wake up anyway needs no second one.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
