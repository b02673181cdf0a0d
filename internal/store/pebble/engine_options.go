package pebble

import (
	"fmt"
	"log/slog"
	"runtime"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// pebble builds Pebble's options. The repeat check needs filters on the last level as well, which it asks for by itself.
func (o Options) pebble(cache *pebble.Cache, fatal func(error)) *pebble.Options {
	p := &pebble.Options{
		Cache:                       cache,
		FS:                          markerFS{o.FS},
		MaxOpenFiles:                o.OpenFiles,
		FormatMajorVersion:          pebble.FormatNewest,
		MemTableSize:                o.MemTableBytes,
		MemTableStopWritesThreshold: 4,
		LBaseMaxBytes:               64 << 20,
		L0CompactionThreshold:       4,
		L0StopWritesThreshold:       24,
		Logger:                      engineLogger{log: o.Logger, fatal: fatal},
		// A damaged block is an error of the read that met it, and no reason to end: the rest of the data is as good as before.
		EventListener: &pebble.EventListener{DataCorruption: func(i pebble.DataCorruptionInfo) {
			o.Logger.Error("stored data is damaged; run throng check", "path", i.Path, "error", i.Details)
		}},
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

// Infof drops what Pebble tells of its daily work.
func (l engineLogger) Infof(string, ...any) {}

// Errorf logs what Pebble will try again.
func (l engineLogger) Errorf(format string, args ...any) {
	l.log.Error("storage engine", "error", fmt.Sprintf(format, args...))
}

// Fatalf never returns to Pebble.
func (l engineLogger) Fatalf(format string, args ...any) {
	err := fmt.Errorf(format, args...)
	l.log.Error("storage engine cannot go on", "error", err)
	l.fatal(err)
}

// fatal ends the goroutine that met a failure after which Pebble may not go on.
func (s *Store) fatal(err error) {
	if s.engine == nil { // Pebble is still opening: openDB tells it to the caller
		s.opening.Store(&err)
	} else {
		s.die(err)
	}
	runtime.Goexit()
}

// openDB opens Pebble on a goroutine of its own, which a fatal failure can end: a folder that does not open is an error of
// [Open], not the end of the process.
func (s *Store) openDB(dir string, o *pebble.Options) (db *pebble.DB, err error) {
	ended := make(chan struct{})
	go func() { // ends before this returns
		defer close(ended)
		defer func() {
			if p := recover(); p != nil { // Pebble panics where a folder cannot be synced
				err = fmt.Errorf("the storage engine gave up: %v", p)
			}
		}()
		db, err = pebble.Open(dir, o)
	}()
	<-ended
	if fatal := s.opening.Load(); fatal != nil {
		return nil, *fatal
	}
	return db, err //nolint:wrapcheck // Open says what was being done
}

// Database is the engine's database without a store on it, for who checks or mends it while no server runs.
type Database struct {
	*pebble.DB

	cache *pebble.Cache
}

// databaseCache is enough for walks, which read each block once.
const databaseCache = 32 << 20

// OpenDatabase opens the database of a folder as a store would, and nothing on it. A nil file system is the disk. It does not
// make one, and fails where a store has it open.
func OpenDatabase(dir string, fs vfs.FS, readOnly bool) (*Database, error) {
	cache := pebble.NewCache(databaseCache)
	o := Options{FS: fs}.withDefaults().pebble(cache, func(error) {})
	o.ReadOnly, o.ErrorIfNotExists = readOnly, true
	db, err := pebble.Open(dir, o)
	if err != nil {
		cache.Unref()
		return nil, err //nolint:wrapcheck // the caller says what was being done
	}
	return &Database{DB: db, cache: cache}, nil
}

// Close lets go of the folder.
func (d *Database) Close() error {
	err := d.DB.Close()
	d.cache.Unref()
	return err //nolint:wrapcheck // as above
}
