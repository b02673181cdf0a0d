package record

import (
	"encoding/binary"

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

// AppendRow writes a timeline row. Its settings stand in a row of their own: the follower rewrites one, people the other.
func AppendRow(b []byte, row timeline.Row) []byte {
	var flags byte
	if row.Current {
		flags = flagCurrent
	}
	b = append(b, flags)
	return appendNumbers(b, uint64(row.PTS), uint64(row.Seq))
}

// Row reads a timeline row.
func (r *Reader) Row(id chat.ConversationID) timeline.Row {
	flags := r.byte()
	return timeline.Row{
		Conversation: id, Current: flags&flagCurrent != 0, PTS: timeline.PTS(r.Number()), Seq: chat.Seq(r.Number()),
	}
}

// AppendSettings writes what a user set for a conversation.
func AppendSettings(b []byte, s timeline.Settings) []byte {
	var flags byte
	for _, f := range []struct {
		on   bool
		flag byte
	}{{s.Pinned, flagPinned}, {s.Muted, flagMuted}, {s.Archived, flagArchived}, {s.MarkedUnread, flagMarked}} {
		if f.on {
			flags |= f.flag
		}
	}
	later := laterOf(s.Later)
	if later == "" {
		b = binary.AppendUvarint(append(b, flags), uint64(s.MarkedAt))
		return append(b, s.Draft...)
	}
	b = binary.AppendUvarint(append(b, flags|flagLater), uint64(s.MarkedAt))
	return appendLater(appendString(b, s.Draft), later)
}

// Settings reads what a user set, with the draft only where it is wanted: lists of all of a user's rows do without.
func (r *Reader) Settings(draft bool) timeline.Settings {
	flags := r.byte()
	s := timeline.Settings{Settings: chat.Settings{
		Pinned: flags&flagPinned != 0, Muted: flags&flagMuted != 0,
		Archived: flags&flagArchived != 0, MarkedUnread: flags&flagMarked != 0,
	}}
	s.MarkedAt = chat.Seq(r.Number())
	switch {
	case !draft:
		r.Skip() // it may be cut off
	case flags&flagLater != 0:
		s.Draft = r.string()
		s.Later = r.later(flags)
	default:
		s.Draft = string(r.raw(uint64(len(r.b))))
	}
	return s
}

// AppendEnd writes the row under a user: the newest pts, and how many conversations the user is in.
func AppendEnd(b []byte, e timeline.End) []byte { return appendNumbers(b, uint64(e.Last), e.Current) }

// End reads one.
func (r *Reader) End() timeline.End {
	return timeline.End{Last: timeline.PTS(r.Number()), Current: r.Number()}
}

// ChangeSeq is where the membership last began or ended.
func ChangeSeq(m chat.Member) chat.Seq {
	if len(m.Spans) == 0 {
		return 0
	}
	return max(m.Began(), m.Spans[len(m.Spans)-1].To)
}

// RowOf is the timeline row that a member comes to when timelines are made anew, at the user's next place, with the end that
// goes with it. Each row of a user gets a pts of its own, since pages of a sync end between two. ok is false for who never was a member.
func RowOf(m chat.Member, e *timeline.End) (row timeline.Row, ok bool) {
	if len(m.Spans) == 0 {
		return timeline.Row{}, false
	}
	e.Last++
	if m.Current() {
		e.Current++
	}
	return timeline.Row{PTS: e.Last, Current: m.Current(), Seq: ChangeSeq(m)}, true
}
