package pebble

import (
	"cmp"
	"errors"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/store/record"
	"github.com/throng-im/throng/internal/timeline"
)

// lookup reads one row and hands it to decode.
func lookup(from pebble.Reader, key []byte, what string, decode func(r *record.Reader)) (found bool, err error) {
	value, closer, err := from.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, storageError(err, "reading a "+what)
	}
	defer func() { _ = closer.Close() }()
	r := record.NewReader(value)
	decode(&r)
	if !r.Done() {
		return false, record.ErrDamaged(what)
	}
	return true, nil
}

// scanRows reads a user's rows with their settings, drafts apart.
func scanRows(snap *pebble.Snapshot, user chat.UserID) (timeline.Rows, error) {
	var rows timeline.Rows
	err := scanUser(snap, record.TableRow, user, "timeline row", func(id chat.ConversationID, r *record.Reader) {
		rows.Rows = append(rows.Rows, r.Row(id))
	})
	if err != nil {
		return timeline.Rows{}, err
	}
	// Both tables are in the order of conversations.
	i := 0
	err = scanUser(snap, record.TableSettings, user, "settings", func(id chat.ConversationID, r *record.Reader) {
		s := r.Settings(false)
		for i < len(rows.Rows) && rows.Rows[i].Conversation < id {
			i++
		}
		if i < len(rows.Rows) && rows.Rows[i].Conversation == id {
			rows.Rows[i].Settings = s
		}
	})
	if err != nil {
		return timeline.Rows{}, err
	}
	end, err := readEnd(snap, user)
	if err != nil {
		return timeline.Rows{}, err
	}
	rows.End = end
	slices.SortFunc(rows.Rows, func(a, b timeline.Row) int {
		return cmp.Or(cmp.Compare(a.PTS, b.PTS), cmp.Compare(a.Conversation, b.Conversation))
	})
	return rows, nil
}

// scanUser walks a table that is keyed by user and conversation.
func scanUser(
	snap *pebble.Snapshot, table byte, user chat.UserID, what string, fn func(id chat.ConversationID, r *record.Reader),
) error {
	iter, err := snap.NewIter(&pebble.IterOptions{LowerBound: record.Key1(table, uint64(user)), UpperBound: record.Key1(table, uint64(user)+1)})
	if err != nil {
		return storageError(err, "reading timelines")
	}
	defer func() { _ = iter.Close() }()
	for ok := iter.First(); ok; ok = iter.Next() {
		value, err := iter.ValueAndErr()
		if err != nil {
			return storageError(err, "reading timelines")
		}
		key := iter.Key()
		if len(key) != record.Key2Len {
			return record.ErrDamaged(what)
		}
		r := record.NewReader(value)
		fn(chat.ConversationID(record.Second(key)), &r)
		if !r.Done() {
			return record.ErrDamaged(what)
		}
	}
	return storageError(iter.Error(), "reading timelines")
}

func readEnd(from pebble.Reader, user chat.UserID) (e timeline.End, err error) {
	_, err = lookup(from, record.Key1(record.TableLast, uint64(user)), "pts", func(r *record.Reader) { e = r.End() })
	return e, err
}
