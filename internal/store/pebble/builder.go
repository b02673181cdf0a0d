package pebble

import (
	"fmt"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// Builder makes the database of a folder from rows. It is for one goroutine.
type Builder struct {
	db    *Database
	batch *pebble.Batch
}

// builderBytes is how much is written at once.
const builderBytes = 4 << 20

// OpenBuilder makes the database of a folder, where there is none yet. A nil file system is the disk.
func OpenBuilder(dir string, fs vfs.FS) (*Builder, error) {
	cache := pebble.NewCache(databaseCache)
	o := Options{FS: fs}.withDefaults().pebble(cache, func(error) {})
	o.ErrorIfExists = true
	db, err := pebble.Open(dir, o)
	if err != nil {
		cache.Unref()
		return nil, fmt.Errorf("making the database in %s: %w", dir, err)
	}
	return &Builder{db: &Database{DB: db, cache: cache}, batch: db.NewBatch()}, nil
}

// Put writes a row. It is durable once Close has returned.
func (b *Builder) Put(key, value []byte) error {
	if err := b.batch.Set(key, value, nil); err != nil {
		return storageError(err, "writing a row")
	}
	if b.batch.Len() < builderBytes {
		return nil
	}
	err := b.batch.Commit(pebble.NoSync)
	b.batch.Reset()
	return storageError(err, "writing rows")
}

// Close makes everything durable and closes the database.
func (b *Builder) Close() error {
	err := b.batch.Commit(pebble.Sync) // the log is synced in order: with this everything before
	if closed := b.batch.Close(); err == nil {
		err = closed
	}
	if flushed := b.db.Flush(); err == nil {
		err = flushed
	}
	if closed := b.db.Close(); err == nil {
		err = closed
	}
	return storageError(err, "closing the database")
}
