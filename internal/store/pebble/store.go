package pebble

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/message"
	"github.com/throng-im/throng/internal/store/record"
)

// Store is one Pebble database and the adapters on it: it is the [message.Log], the conversation.Directory and the
// queue.Events of a single process, and the views returned by its methods are the rest.
//
// Lock order: engine.mu → engine.syncMu; ring.mu and lease locks are leaves or outermost and nest with neither.
type Store struct {
	*engine

	// immutable after construction
	cache *pebble.Cache
	log   *slog.Logger
	now   func() time.Time
	epoch uint64
	ring  *ring
	guard *guard
	lease *leases

	// guarded by engine.mu
	writer *writer

	// atomic
	opening atomic.Pointer[error] // what ended Pebble while it opened
}

// Open opens the database in a folder, or makes it. The caller closes it.
func Open(dir string, o Options) (*Store, error) {
	o = o.withDefaults()
	if err := o.Rules.Validate(); err != nil {
		return nil, err
	}
	cache := pebble.NewCache(o.CacheBytes)
	s := &Store{cache: cache, log: o.Logger, now: o.Now, ring: newRing(), lease: newLeases()}
	s.guard = newGuard(o.FS, dir, o.MinFreeBytes)
	db, err := s.openDB(dir, o.pebble(cache, s.fatal))
	if err != nil {
		cache.Unref()
		return nil, fmt.Errorf("opening the database in %s (is another server running on it?): %w", dir, err)
	}
	s.engine = newEngine(db, s.ring.publish, o.Fatal)
	s.writer = newWriter(db, o)
	if o.Registerer != nil {
		o.Registerer.MustRegister(newMetrics(s), s.syncSeconds)
	}
	go s.runSyncer() // ends with Close
	if err := s.begin(); err != nil {
		return nil, errors.Join(fmt.Errorf("opening the database in %s: %w", dir, err), s.Close())
	}
	return s, nil
}

// begin checks the folder's format and reads where the counters stand.
func (s *Store) begin() error {
	format, err := s.counter(record.MetaFormat)
	switch {
	case err != nil:
		return err
	case format > record.Format:
		return fmt.Errorf("the folder has format %d, written by a newer version of throng; this one knows formats up to %d: "+
			"install the newer version, or restore a backup of this one's", format, record.Format)
	case format == 1: // rows of it are read as they are; only who does not know what came since must not open the folder
		if err := s.putCounters(map[string]uint64{record.MetaFormat: record.Format}); err != nil {
			return err
		}
	case format == 0:
		if err := s.putCounters(map[string]uint64{record.MetaFormat: record.Format, record.MetaEpoch: 1}); err != nil {
			return err
		}
	}
	if s.epoch, err = s.counter(record.MetaEpoch); err != nil {
		return err
	}
	tail, err := s.lastPosition()
	if err != nil {
		return err
	}
	s.ring.start(tail)
	s.durable.Store(uint64(tail))
	s.writer.position = tail
	return nil
}

// Epoch is raised when the log was restored from a backup.
func (s *Store) Epoch() uint64 { return s.epoch }

// RaiseEpoch tells every client to start over: what it was told may no longer be there. It is for a store that was
// restored and serves nobody yet, and holds from the next Open on. It is a time, so that two folders that were restored
// from one backup, and went on apart, have two epochs.
func (s *Store) RaiseEpoch() error {
	return s.putCounters(map[string]uint64{record.MetaEpoch: max(s.epoch+1, uint64(max(0, s.now().UnixMilli())))})
}

// Ready reports why the store would refuse sends; nil while it takes them.
func (s *Store) Ready() error {
	if err := s.writable(); err != nil {
		return err
	}
	return s.guard.check()
}

// Close syncs what was applied and closes the database. Calls under way end, with an error where they could not finish.
func (s *Store) Close() error {
	if !s.stop() {
		return nil
	}
	s.ring.close()
	s.life.Lock()
	defer s.life.Unlock()
	if s.failure() != nil {
		return nil // Pebble's own locks may be held by what failed; the process ends anyway
	}
	err := s.db.Close()
	s.cache.Unref()
	if err != nil {
		return fmt.Errorf("closing the database: %w", err)
	}
	return nil
}

// counter reads a number of the meta table; 0 where there is none. It is for when nothing is being written.
func (s *Store) counter(name string) (uint64, error) {
	value, closer, err := s.db.Get(record.KeyMeta(name))
	if errors.Is(err, pebble.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, storageError(err, "reading "+name)
	}
	defer func() { _ = closer.Close() }()
	n, size := binary.Uvarint(value)
	if size <= 0 {
		return 0, record.ErrDamaged(name)
	}
	return n, nil
}

// putCounters stores numbers of the meta table together, durably.
func (s *Store) putCounters(all map[string]uint64) error {
	g, err := s.apply(func(b *pebble.Batch) error {
		for name, n := range all {
			if err := b.Set(record.KeyMeta(name), record.Number(n), nil); err != nil {
				return storageError(err, "storing "+name)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return s.wait(context.Background(), g)
}

// Options of a store.
type Options struct {
	// FS is where the files are; nil is the disk.
	FS vfs.FS
	// CacheBytes is the block cache; 0 is 64 MiB.
	CacheBytes int64
	// MemTableBytes is the size of one memtable; 0 is 16 MiB. Four of them bound the log that a start has to replay.
	MemTableBytes uint64
	// OpenFiles bounds how many tables are kept open; 0 is 512.
	OpenFiles int
	// CacheHeads and CacheMembers bound how many heads and member rows are kept for appends; 0 is 50,000 and 100,000.
	CacheHeads   int
	CacheMembers int
	// MinFreeBytes of disk are kept for compaction and the end of the log: sends are refused below; 0 is 64 MiB.
	MinFreeBytes uint64
	// Rules of the decision; where no sizes are set, those of message.DefaultRules.
	Rules  message.Rules
	Logger *slog.Logger
	// Registerer gets the engine's metrics; nil keeps none. It takes one store.
	Registerer prometheus.Registerer
	// Now is the wall clock; nil is time.Now.
	Now func() time.Time
	// Fatal is called once when the engine can no longer promise durability (a sync failed). The process must end; nil
	// panics. It must not call the store. Where it returns, every write fails from then on.
	Fatal func(err error)
}

func (o Options) withDefaults() Options {
	if o.FS == nil {
		o.FS = vfs.Default
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.CacheBytes == 0 {
		o.CacheBytes = 64 << 20
	}
	if o.MemTableBytes == 0 {
		o.MemTableBytes = 16 << 20
	}
	if o.OpenFiles == 0 {
		o.OpenFiles = 512
	}
	if o.CacheHeads == 0 {
		o.CacheHeads = 50_000
	}
	if o.CacheMembers == 0 {
		o.CacheMembers = 100_000
	}
	if o.MinFreeBytes == 0 {
		o.MinFreeBytes = 64 << 20
	}
	if r := &o.Rules; r.SmallMembers == 0 && r.MediumMembers == 0 {
		admit := r.Admit
		*r = message.DefaultRules()
		r.Admit = admit
	}
	return o
}

var _ message.Log = (*Store)(nil)

// Heads returns the heads of conversations.
func (s *Store) Heads(ctx context.Context, ids []chat.ConversationID) ([]chat.Head, error) {
	release, err := s.read()
	if err != nil {
		return nil, err
	}
	defer release()
	heads := make([]chat.Head, len(ids))
	for i, id := range ids {
		if heads[i], err = s.readHead(id); err != nil {
			return nil, err
		}
	}
	return heads, s.settle(ctx, ids...)
}

func (s *Store) readHead(id chat.ConversationID) (h chat.Head, err error) {
	_, err = s.get(record.Key1(record.TableHead, uint64(id)), "head", func(r *record.Reader) { h = r.Head(id) })
	return h, err
}

// get reads one row and hands it to decode; found is false where there is none. What it gives is not settled.
func (s *Store) get(key []byte, what string, decode func(r *record.Reader)) (found bool, err error) {
	return lookup(s.db, key, what, decode)
}
