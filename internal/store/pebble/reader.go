package pebble

import (
	"context"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/store/record"
)

// Reader reads the rows of a folder that no server has open, as they stand, for who carries them elsewhere.
type Reader struct {
	db   *Database
	snap *pebble.Snapshot
}

// OpenReader opens the database of a folder for reading. A nil file system is the disk. Its format must be one that this version of the
// server reads.
func OpenReader(dir string, fs vfs.FS) (*Reader, error) {
	db, err := OpenDatabase(dir, fs, true)
	if err != nil {
		return nil, fmt.Errorf("opening the database in %s (is a server running on it?): %w", dir, err)
	}
	r := &Reader{db: db, snap: db.NewSnapshot()}
	format, err := r.Number(record.MetaFormat)
	if err == nil && (format == 0 || format > record.Format) {
		err = fmt.Errorf("the folder has format %d, and this version of throng reads formats 1 to %d", format, record.Format)
	}
	if err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// Close lets go of the folder.
func (r *Reader) Close() error {
	return errors.Join(storageError(r.snap.Close(), "closing the database"), r.db.Close())
}

// Number reads a number that stands once; 0 where it does not.
func (r *Reader) Number(name string) (n uint64, err error) {
	_, err = lookup(r.snap, record.KeyMeta(name), "number", func(v *record.Reader) { n = v.Number() })
	return n, err
}

// Walk hands the rows whose keys lie behind one to fn, in the order of keys; no key is the beginning. fn borrows what it gets.
func (r *Reader) Walk(ctx context.Context, behind []byte, fn func(key, value []byte) error) error {
	from := behind
	if len(from) > 0 {
		from = append(append([]byte(nil), behind...), 0)
	}
	iter, err := r.snap.NewIter(&pebble.IterOptions{LowerBound: from})
	if err != nil {
		return storageError(err, "reading the folder")
	}
	defer func() { _ = iter.Close() }()
	for ok := iter.First(); ok; ok = iter.Next() {
		if err := ctx.Err(); err != nil {
			return chat.Wrap(err, chat.CodeCanceled, chat.ReasonCanceled, "the caller gave up")
		}
		value, err := iter.ValueAndErr()
		if err != nil {
			return storageError(err, "reading the folder")
		}
		if err := fn(iter.Key(), value); err != nil {
			return err
		}
	}
	return storageError(iter.Error(), "reading the folder")
}
