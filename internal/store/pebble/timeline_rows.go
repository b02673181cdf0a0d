package pebble

import (
	"cmp"
	"encoding/binary"
	"errors"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/timeline"
)

const (
	flagCurrent = 1 << iota // of rows
)

const (
	flagPinned = 1 << iota // of settings
	flagMuted
	flagArchived
	flagMarked
)

func appendRow(b []byte, row timeline.Row) []byte {
	var flags byte
	if row.Current {
		flags = flagCurrent
	}
	b = append(b, flags)
	return appendNumbers(b, uint64(row.PTS), uint64(row.Seq))
}

func (r *reader) row(id chat.ConversationID) timeline.Row {
	flags := r.byte()
	return timeline.Row{
		Conversation: id, Current: flags&flagCurrent != 0, PTS: timeline.PTS(r.number()), Seq: chat.Seq(r.number()),
	}
}

func appendSettings(b []byte, s timeline.Settings) []byte {
	var flags byte
	for _, f := range []struct {
		on   bool
		flag byte
	}{{s.Pinned, flagPinned}, {s.Muted, flagMuted}, {s.Archived, flagArchived}, {s.MarkedUnread, flagMarked}} {
		if f.on {
			flags |= f.flag
		}
	}
	b = binary.AppendUvarint(append(b, flags), uint64(s.MarkedAt))
	return append(b, s.Draft...)
}

func (r *reader) settings(draft bool) timeline.Settings {
	flags := r.byte()
	s := timeline.Settings{Settings: chat.Settings{
		Pinned: flags&flagPinned != 0, Muted: flags&flagMuted != 0,
		Archived: flags&flagArchived != 0, MarkedUnread: flags&flagMarked != 0,
	}}
	s.MarkedAt = chat.Seq(r.number())
	rest := r.raw(uint64(len(r.b)))
	if draft {
		s.Draft = string(rest)
	}
	return s
}

// lookup reads one row and hands it to decode.
func lookup(from pebble.Reader, key []byte, what string, decode func(r *reader)) (found bool, err error) {
	value, closer, err := from.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, storageError(err, "reading a "+what)
	}
	defer func() { _ = closer.Close() }()
	r := reader{b: value}
	decode(&r)
	if !r.done() {
		return false, errDamaged(what)
	}
	return true, nil
}

// scanRows reads a user's rows with their settings, drafts apart.
func scanRows(snap *pebble.Snapshot, user chat.UserID) (timeline.Rows, error) {
	var rows timeline.Rows
	err := scanUser(snap, tableRow, user, "timeline row", func(id chat.ConversationID, r *reader) {
		rows.Rows = append(rows.Rows, r.row(id))
	})
	if err != nil {
		return timeline.Rows{}, err
	}
	// Both tables are in the order of conversations.
	i := 0
	err = scanUser(snap, tableSettings, user, "settings", func(id chat.ConversationID, r *reader) {
		s := r.settings(false)
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
	_, err = lookup(snap, key1(tableLast, uint64(user)), "pts", func(r *reader) { rows.Last = timeline.PTS(r.number()) })
	if err != nil {
		return timeline.Rows{}, err
	}
	slices.SortFunc(rows.Rows, func(a, b timeline.Row) int {
		return cmp.Or(cmp.Compare(a.PTS, b.PTS), cmp.Compare(a.Conversation, b.Conversation))
	})
	return rows, nil
}

// scanUser walks a table that is keyed by user and conversation.
func scanUser(
	snap *pebble.Snapshot, table byte, user chat.UserID, what string, fn func(id chat.ConversationID, r *reader),
) error {
	iter, err := snap.NewIter(&pebble.IterOptions{LowerBound: key1(table, uint64(user)), UpperBound: key1(table, uint64(user)+1)})
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
		if len(key) != 17 {
			return errDamaged(what)
		}
		r := reader{b: value}
		fn(chat.ConversationID(binary.BigEndian.Uint64(key[9:])), &r)
		if !r.done() {
			return errDamaged(what)
		}
	}
	return storageError(iter.Error(), "reading timelines")
}

type rowKey struct {
	user         chat.UserID
	conversation chat.ConversationID
}

// rowWriter prepares a batch of rows. It belongs to who holds Timelines.writing, and holds the database open until end.
type rowWriter struct {
	db      *pebble.DB
	batch   *pebble.Batch
	release func()
	err     error // the first of batch
	rows    map[rowKey]timeline.Row
	last    map[chat.UserID]timeline.PTS
	value   []byte // scratch
}

func (t *Timelines) begin() (*rowWriter, error) {
	release, err := t.store.read()
	if err != nil {
		return nil, err
	}
	return &rowWriter{
		db: t.store.db, batch: t.store.db.NewBatch(), release: release,
		rows: make(map[rowKey]timeline.Row), last: make(map[chat.UserID]timeline.PTS),
	}, nil
}

func (w *rowWriter) end() {
	_ = w.batch.Close()
	w.release()
}

func (w *rowWriter) set(key, value []byte) {
	if err := w.batch.Set(key, value, nil); err != nil && w.err == nil {
		w.err = err
	}
}

// change prepares one change, by rules TML-2, TML-4 and TML-6.
func (w *rowWriter) change(c *timeline.Change) (timeline.PTS, error) {
	k := rowKey{c.User, c.Conversation}
	row, known, err := w.row(k)
	if err != nil {
		return 0, err
	}
	switch {
	case c.Membership != timeline.None && (!known || c.Seq > row.Seq):
		row.Current, row.Seq = c.Membership == timeline.Entered, c.Seq
	case !row.Current:
		return 0, nil
	}
	if !c.Quiet {
		if row.PTS, err = w.next(c.User); err != nil {
			return 0, err
		}
	}
	w.put(k, row)
	if c.Quiet {
		return 0, nil
	}
	return row.PTS, nil
}

func (w *rowWriter) row(k rowKey) (row timeline.Row, known bool, err error) {
	if row, known = w.rows[k]; known {
		return row, true, nil
	}
	known, err = lookup(w.db, key2(tableRow, uint64(k.user), uint64(k.conversation)), "timeline row", func(r *reader) { row = r.row(k.conversation) })
	row.Conversation = k.conversation
	return row, known, err
}

func (w *rowWriter) put(k rowKey, row timeline.Row) {
	w.rows[k] = row
	w.value = appendRow(w.value[:0], row)
	w.set(key2(tableRow, uint64(k.user), uint64(k.conversation)), w.value)
}

// next takes the user's next pts.
func (w *rowWriter) next(user chat.UserID) (timeline.PTS, error) {
	p, ok := w.last[user]
	if !ok {
		if _, err := lookup(w.db, key1(tableLast, uint64(user)), "pts", func(r *reader) { p = timeline.PTS(r.number()) }); err != nil {
			return 0, err
		}
	}
	p++
	w.last[user] = p
	w.value = binary.AppendUvarint(w.value[:0], uint64(p))
	w.set(key1(tableLast, uint64(user)), w.value)
	return p, nil
}
