package pebble

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// Open opens the database in a folder, or makes it. The caller closes it.
func Open(dir string, o Options) (*Store, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	size := o.CacheBytes
	if size == 0 {
		size = 64 << 20
	}
	cache := pebble.NewCache(size)
	db, err := pebble.Open(dir, o.pebble(cache))
	if err != nil {
		cache.Unref()
		return nil, fmt.Errorf("opening the database in %s: %w", dir, err)
	}
	s := &Store{
		db:      db,
		cache:   cache,
		log:     o.Logger,
		now:     o.Now,
		closed:  make(chan struct{}),
		done:    make(chan struct{}),
		changed: make(chan struct{}),
		kick:    make(chan struct{}, 1),
	}
	go s.runSyncer() // ends with Close
	return s, nil
}

// Close syncs what was applied and closes the database. Calls under way end with an error.
func (s *Store) Close() error {
	s.mu.Lock()
	select {
	case <-s.closed:
		s.mu.Unlock()
		return nil
	default:
		close(s.closed)
	}
	s.mu.Unlock()
	<-s.done
	err := s.db.Close()
	s.cache.Unref()
	return err
}
