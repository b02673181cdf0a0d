package check

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/store/audit"
	"github.com/throng-im/throng/internal/store/record"
)

var _ audit.Rows = rows{}

// rows are those of the snapshot, for the audit.
type rows struct{ c *checker }

// Walk implements audit.Rows.
func (r rows) Walk(_ context.Context, from, to []byte, fn func(key, value []byte) error) error {
	return r.c.walk(from, to, fn)
}

// Get implements audit.Rows.
func (r rows) Get(_ context.Context, keys [][]byte) ([][]byte, error) {
	values := make([][]byte, len(keys))
	for i, key := range keys {
		value, closer, err := r.c.snap.Get(key)
		if errors.Is(err, pebble.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("reading %q: %w", key, err)
		}
		values[i] = append([]byte{}, value...)
		if err := closer.Close(); err != nil {
			return nil, fmt.Errorf("reading %q: %w", key, err)
		}
	}
	return values, nil
}

// Next implements audit.Rows. A malformed key counts as one of 0.
func (r rows) Next(_ context.Context, tables []byte, from uint64) (n uint64, ok bool, err error) {
	for _, t := range tables {
		it := r.c.cursors[t]
		if it == nil {
			if it, err = r.c.snap.NewIter(&pebble.IterOptions{LowerBound: []byte{t}, UpperBound: []byte{t + 1}}); err != nil {
				return 0, false, fmt.Errorf("reading: %w", err)
			}
			r.c.cursors[t] = it
		}
		key := record.Key1(t, from)
		if from == 0 {
			key = key[:1]
		}
		if !it.SeekGE(key) {
			if err := it.Error(); err != nil {
				return 0, false, fmt.Errorf("reading (the files themselves are damaged; restore a backup): %w", err)
			}
			continue
		}
		var first uint64
		if len(it.Key()) >= record.Key1Len {
			first = record.First(it.Key())
		}
		if !ok || first < n {
			n, ok = first, true
		}
	}
	return n, ok, nil
}

// Rest implements audit.Rows: everything is of one moment.
func (r rows) Rest(context.Context) error { return nil }

// closeCursors ends what Next walks with.
func (c *checker) closeCursors() (err error) {
	for _, it := range c.cursors {
		err = errors.Join(err, it.Close())
	}
	return err
}

// onTimeline: the timeline of a member has the conversation.
func (c *checker) onTimeline(_ context.Context, id chat.ConversationID, user chat.UserID) error {
	if !c.current(id) {
		return nil
	}
	var current bool
	ok, err := c.row(record.Key2(record.TableRow, uint64(user), uint64(id)), func(d *record.Reader) { current = d.Row(id).Current })
	if err != nil || (ok && current) {
		return err
	}
	return c.staleRow("user %d is a member of conversation %d, but the timeline does not have it", user, id)
}

// put is a fix that sets one row.
func put(key, value []byte) func(*pebble.Batch) error {
	return func(b *pebble.Batch) error { return b.Set(key, value, nil) }
}

// remove is a fix that drops one row.
func remove(key []byte) func(*pebble.Batch) error {
	key = bytes.Clone(key)
	return func(b *pebble.Batch) error { return b.Delete(key, nil) }
}
