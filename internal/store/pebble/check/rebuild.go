package check

import (
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/store/record"
	"github.com/throng-im/throng/internal/timeline"
)

// rebuildTimelines writes all rows anew from the members, under a new generation, so that every client starts over. Settings
// stay: they are people's own, and derived from nothing. Cut off, it is to be run again.
func (c *checker) rebuildTimelines() error {
	generation, err := record.Draw()
	if err != nil {
		return err
	}
	// The new generation comes first and is on the disk before a row is: a rebuild that was cut off leaves no cursor valid.
	for name, n := range map[string]uint64{record.MetaGeneration: generation, record.MetaTimeline: uint64(c.tail)} {
		if err := c.batch.Set(record.KeyMeta(name), record.Number(n), nil); err != nil {
			return fmt.Errorf("rebuilding timelines: %w", err)
		}
	}
	for _, table := range []byte{record.TableRow, record.TableLast} {
		if err := c.batch.DeleteRange([]byte{table}, []byte{table + 1}, nil); err != nil {
			return fmt.Errorf("dropping timelines: %w", err)
		}
	}
	if err := c.flush(); err != nil {
		return err
	}
	// The members as repaired, not as they were when the check began.
	snap := c.db.NewSnapshot()
	old := c.snap
	c.snap = snap
	defer func() { c.snap = old; _ = snap.Close() }()
	ends := make(map[chat.UserID]timeline.End) // of all users: the one thing here that grows with the folder
	return c.table(record.TableMember, func(key, value []byte) error {
		if err := rebuildRow(c.batch, key, value, ends); err != nil {
			return fmt.Errorf("rebuilding timelines: %w", err)
		}
		if c.batch.Len() > repairBytes {
			return c.flush()
		}
		return nil
	})
}

// rebuildRow writes the row of a member. Members come by conversation, so a user's rows get their pts in that order. A damaged
// member was told of by its own table.
func rebuildRow(b *pebble.Batch, key, value []byte, ends map[chat.UserID]timeline.End) error {
	r := record.NewReader(value)
	m := r.Part(0).Member
	if !r.Done() || len(key) != record.Key2Len {
		return nil
	}
	id, user := record.First(key), chat.UserID(record.Second(key))
	e := ends[user]
	row, ok := record.RowOf(m, &e)
	if !ok {
		return nil
	}
	ends[user] = e
	if err := b.Set(record.Key2(record.TableRow, uint64(user), id), record.AppendRow(nil, row), nil); err != nil {
		return err //nolint:wrapcheck // the caller says what was being done
	}
	return b.Set(record.Key1(record.TableLast, uint64(user)), record.AppendEnd(nil, e), nil) //nolint:wrapcheck // as above
}
