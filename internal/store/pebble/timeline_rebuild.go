package pebble

import (
	"context"

	"github.com/cockroachdb/pebble/v2"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/store/pebble/record"
)

// rebuildBatch is how many rows a rebuild writes at once.
const rebuildBatch = 10_000

// RebuildTimelines makes all rows anew from the members of all conversations, under a new generation, so that every device
// starts over. Settings stay. It is for a store that serves nobody: no follower may run, and timelines that were made
// before must not be used after. It returns how many rows it wrote. Cut off, it is to be run again.
func (s *Store) RebuildTimelines(ctx context.Context) (rows int, err error) {
	g, err := record.Draw()
	if err != nil {
		return 0, err
	}
	release, err := s.read()
	if err != nil {
		return 0, err
	}
	defer release()
	// The new generation comes first, so that a rebuild that was cut off leaves no cursor valid.
	if err := s.putCounters(map[string]uint64{record.MetaGeneration: g}); err != nil {
		return 0, err
	}
	if _, err := s.apply(func(b *pebble.Batch) error {
		for _, table := range []byte{record.TableRow, record.TableLast} {
			if err := b.DeleteRange([]byte{table}, []byte{table + 1}, nil); err != nil {
				return storageError(err, "dropping timelines")
			}
		}
		return nil
	}); err != nil {
		return 0, err
	}
	if rows, err = s.rebuildRows(ctx); err != nil {
		return rows, err
	}
	return rows, s.putCounters(map[string]uint64{record.MetaTimeline: uint64(s.writer.position)})
}

// rebuildRows walks the members by conversation, so rows get their pts in the order of conversations.
func (s *Store) rebuildRows(ctx context.Context) (rows int, err error) {
	iter, err := s.db.NewIter(&pebble.IterOptions{LowerBound: []byte{record.TableMember}, UpperBound: []byte{record.TableMember + 1}})
	if err != nil {
		return 0, storageError(err, "reading members")
	}
	defer func() { _ = iter.Close() }()
	ends := make(map[chat.UserID]record.End)
	for ok := iter.First(); ok; {
		if err := ctx.Err(); err != nil {
			return rows, chat.Wrap(err, chat.CodeCanceled, chat.ReasonCanceled, "the rebuild was cut off; run it again")
		}
		_, err := s.apply(func(b *pebble.Batch) error {
			for n := 0; ok && n < rebuildBatch; ok, n = iter.Next(), n+1 {
				value, err := iter.ValueAndErr()
				if err != nil {
					return storageError(err, "reading members")
				}
				if err := rebuildRow(b, iter.Key(), value, ends); err != nil {
					return err
				}
				rows++
			}
			return nil
		})
		if err != nil {
			return rows, err
		}
	}
	return rows, storageError(iter.Error(), "reading members")
}

// rebuildRow writes the row of a member. Damaged members are for the check to find.
func rebuildRow(b *pebble.Batch, key, value []byte, ends map[chat.UserID]record.End) error {
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
		return storageError(err, "writing timelines")
	}
	return storageError(b.Set(record.Key1(record.TableLast, uint64(user)), record.AppendEnd(nil, e), nil), "writing timelines")
}
