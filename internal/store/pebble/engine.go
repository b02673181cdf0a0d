package pebble

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/throng-im/throng/internal/chat"
)

// idleSync is how long an applied write that nobody waits for may stay unsynced.
const idleSync = 100 * time.Millisecond

// generation numbers the applied batches of one run of the process, in the order in which they were applied.
type generation uint64

// Store is one Pebble database and the adapters on it. Writes are decided and applied one at a time under mu, without a
// sync; one syncer makes everything that was applied durable with a single empty synced record and then lets the waiters
// go, so that any number of appends share a sync and the next batch is built while the disk works
// (docs/decisions: group commit).
type Store struct {
	// immutable after construction
	db     *pebble.DB
	cache  *pebble.Cache
	log    *slog.Logger
	now    func() time.Time
	closed chan struct{} // closed by Close
	done   chan struct{} // closed when the syncer has ended

	// guarded by mu: deciding and applying
	mu sync.Mutex

	// guarded by syncMu
	syncMu  sync.Mutex
	applied generation
	synced  generation
	wanted  generation // highest that somebody waits for
	changed chan struct{}
	kick    chan struct{} // capacity 1: wakes the syncer
	syncErr error
	onSync  []func(generation) // called by the syncer after each sync, in order
}

// Options of a store.
type Options struct {
	// FS is where the files are; nil is the disk.
	FS vfs.FS
	// CacheBytes is the block cache; 0 is 64 MiB.
	CacheBytes int64
	// MemTableBytes is the size of one memtable; 0 is 16 MiB. Four of them bound the log that a start has to replay.
	MemTableBytes uint64
	Logger        *slog.Logger
	// Now is the wall clock; nil is time.Now.
	Now func() time.Time
	// Fatal is called when the engine can no longer promise durability (a sync failed). The process must end; nil panics.
	Fatal func(err error)
}

// apply runs fn alone, with a batch to fill, and commits the batch unsynced. fn's error discards it. The generation
// returned is what [Store.wait] takes; a batch that stays empty needs everything applied so far.
func (s *Store) apply(fn func(b *pebble.Batch) error) (generation, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.applyLocked(fn)
}

func (s *Store) applyLocked(fn func(b *pebble.Batch) error) (generation, error) {
	select {
	case <-s.closed:
		return 0, errClosed()
	default:
	}
	b := s.db.NewBatch()
	defer func() { _ = b.Close() }()
	if err := fn(b); err != nil {
		return 0, err
	}
	if b.Empty() {
		return s.appliedNow(), nil
	}
	if err := b.Commit(pebble.NoSync); err != nil {
		return 0, chat.Wrap(err, chat.CodeUnknown, chat.ReasonInDoubt, "the write may or may not be stored; send it again with the same client id")
	}
	s.syncMu.Lock()
	s.applied++
	g := s.applied
	s.syncMu.Unlock()
	return g, nil
}

func (s *Store) appliedNow() generation {
	s.syncMu.Lock()
	defer s.syncMu.Unlock()
	return s.applied
}

// wait blocks until everything up to g is on disk.
func (s *Store) wait(ctx context.Context, g generation) error {
	for {
		s.syncMu.Lock()
		if s.syncErr != nil {
			err := s.syncErr
			s.syncMu.Unlock()
			return err
		}
		if s.synced >= g {
			s.syncMu.Unlock()
			return nil
		}
		if s.wanted < g {
			s.wanted = g
		}
		changed := s.changed
		s.syncMu.Unlock()
		select {
		case s.kick <- struct{}{}:
		default:
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return chat.Wrap(ctx.Err(), chat.CodeUnknown, chat.ReasonInDoubt, "the wait for the disk was cut off; send again with the same client id")
		case <-s.done:
			if s.syncedNow() >= g {
				return nil
			}
			return errClosed()
		}
	}
}

func (s *Store) syncedNow() generation {
	s.syncMu.Lock()
	defer s.syncMu.Unlock()
	return s.synced
}

// runSyncer syncs whenever somebody waits, and after idleSync where nobody does. It ends when the store closes.
func (s *Store) runSyncer() {
	defer close(s.done)
	idle := time.NewTicker(idleSync)
	defer idle.Stop()
	for {
		select {
		case <-s.kick:
		case <-idle.C:
		case <-s.closed:
			s.syncOnce()
			return
		}
		s.syncOnce()
	}
}

// syncOnce makes everything applied so far durable.
func (s *Store) syncOnce() {
	s.syncMu.Lock()
	g := s.applied
	if g == s.synced || s.syncErr != nil {
		s.syncMu.Unlock()
		return
	}
	s.syncMu.Unlock()
	err := s.db.LogData(nil, pebble.Sync)
	s.syncMu.Lock()
	if err != nil {
		s.syncErr = chat.Wrap(err, chat.CodeUnknown, chat.ReasonInDoubt, "the disk refused to make the write durable")
	} else {
		s.synced = g
	}
	close(s.changed)
	s.changed = make(chan struct{})
	hooks := s.onSync
	s.syncMu.Unlock()
	if err == nil {
		for _, fn := range hooks {
			fn(g)
		}
	}
}

func errClosed() error {
	return chat.Errorf(chat.CodeUnavailable, chat.ReasonStorageUnavailable, "the store is closed; try again later")
}

// options builds Pebble's options. The repeat check needs filters on the last level as well, which it asks for by itself.
func (o Options) pebble(cache *pebble.Cache) *pebble.Options {
	memTable := o.MemTableBytes
	if memTable == 0 {
		memTable = 16 << 20
	}
	p := &pebble.Options{
		Cache:                       cache,
		FS:                          o.FS,
		FormatMajorVersion:          pebble.FormatNewest,
		MemTableSize:                memTable,
		MemTableStopWritesThreshold: 4,
		LBaseMaxBytes:               64 << 20,
		L0CompactionThreshold:       4,
		L0StopWritesThreshold:       24,
		Logger:                      engineLogger{log: o.Logger, fatal: o.Fatal},
	}
	for i := range p.Levels {
		p.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
		p.Levels[i].BlockSize = 32 << 10
	}
	return p
}

// engineLogger hands Pebble's messages to ours. Pebble calls Fatalf when a log write or sync fails and may not go on.
type engineLogger struct {
	log   *slog.Logger
	fatal func(error)
}

func (l engineLogger) Infof(string, ...any) {}

func (l engineLogger) Errorf(format string, args ...any) {
	l.log.Error("storage engine", "error", fmt.Sprintf(format, args...))
}

func (l engineLogger) Fatalf(format string, args ...any) {
	err := errors.New(fmt.Sprintf(format, args...))
	l.log.Error("storage engine cannot go on", "error", err)
	if l.fatal != nil {
		l.fatal(err)
	}
	panic(err)
}
