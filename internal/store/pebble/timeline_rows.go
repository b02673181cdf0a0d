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
	end, err := readEnd(snap, user)
	if err != nil {
		return timeline.Rows{}, err
	}
	rows.Last = end.last
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

// end is the row under a user: the newest pts, and how many conversations the user is in.
type end struct {
	last    timeline.PTS
	current uint64
}

func appendEnd(b []byte, e end) []byte { return appendNumbers(b, uint64(e.last), e.current) }

func (r *reader) end() end { return end{last: timeline.PTS(r.number()), current: r.number()} }

func readEnd(from pebble.Reader, user chat.UserID) (e end, err error) {
	_, err = lookup(from, key1(tableLast, uint64(user)), "pts", func(r *reader) { e = r.end() })
	return e, err
}
