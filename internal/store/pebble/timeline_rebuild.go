package pebble

import (
	"context"
	"encoding/binary"

	"github.com/cockroachdb/pebble/v2"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/timeline"
)

// rebuildBatch is how many rows a rebuild writes at once.
const rebuildBatch = 10_000

// RebuildTimelines makes all rows anew from the members of all conversations, under a new generation, so that every device
// starts over. Settings stay. It is for a store that serves nobody: no follower may run, and timelines that were made
// before must not be used after. It returns how many rows it wrote. Cut off, it is to be run again.
func (s *Store) RebuildTimelines(ctx context.Context) (rows int, err error) {
	g, err := drawGeneration()
	if err != nil {
		return 0, err
	}
	release, err := s.read()
	if err != nil {
		return 0, err
	}
	defer release()
	// The new generation comes first, so that a rebuild that was cut off leaves no cursor valid.
	if err := s.putCounters(map[string]uint64{metaGeneration: g}); err != nil {
		return 0, err
	}
	if _, err := s.apply(func(b *pebble.Batch) error {
		for _, table := range []byte{tableRow, tableLast} {
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
	return rows, s.putCounters(map[string]uint64{metaTimeline: uint64(s.writer.position)})
}

// rebuildRows walks the members by conversation, so rows get their pts in the order of conversations.
func (s *Store) rebuildRows(ctx context.Context) (rows int, err error) {
	iter, err := s.db.NewIter(&pebble.IterOptions{LowerBound: []byte{tableMember}, UpperBound: []byte{tableMember + 1}})
	if err != nil {
		return 0, storageError(err, "reading members")
	}
	defer func() { _ = iter.Close() }()
	ends := make(map[chat.UserID]end)
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

// rebuildRow writes the row of a member. Each row of a user gets a pts of its own, since pages of a sync end between two.
// Damaged members are for the check to find.
func rebuildRow(b *pebble.Batch, key, value []byte, ends map[chat.UserID]end) error {
	r := reader{b: value}
	m := r.part(0).Member
	if !r.done() || len(key) != 17 || len(m.Spans) == 0 {
		return nil
	}
	id, user := binary.BigEndian.Uint64(key[1:]), chat.UserID(binary.BigEndian.Uint64(key[9:]))
	e := ends[user]
	e.last++
	if m.Current() {
		e.current++
	}
	ends[user] = e
	row := timeline.Row{PTS: e.last, Current: m.Current(), Seq: changeSeq(m)}
	if err := b.Set(key2(tableRow, uint64(user), id), appendRow(nil, row), nil); err != nil {
		return storageError(err, "writing timelines")
	}
	return storageError(b.Set(key1(tableLast, uint64(user)), appendEnd(nil, e), nil), "writing timelines")
}
