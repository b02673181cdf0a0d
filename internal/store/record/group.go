package record

import (
	"encoding/binary"

	"github.com/throng-im/throng/internal/chat"
)

// What groups have is in the blocks of records, in fields from 30 on.
const (
	entryAct          = iota + 30 // place among the acts of admins: how many, the one before
	entryJoining                  // the rest are of a [chat.Changed] ...
	entryPosting                  //
	entryQuiet                    //
	entryHistory                  //
	entryAnnouncement             //
	entryBan                      // ... and of a [chat.MembersChanged]
	entryNickname                 //
	entryReason                   //
)

const (
	headTerms = iota + 30 // joining, posting, quiet until, history from
	headActs              // how many, the last one
)

const (
	aboutAnnouncement = iota + 30
	aboutPassword
)

// aboutPins are the pinned messages of a conversation.
const aboutPins = 60

// The fields of a member.
const (
	partNickname = iota + 30
	partNamed
	partBanned
	partSince
)

// text appends a field unless it is empty, as which a missing one is read.
func (w *fieldWriter) text(what uint64, s string) {
	if s != "" {
		w.field(what, func(b []byte) []byte { return append(b, s...) })
	}
}

// rest reads the text of a field.
func (r *Reader) rest() string { return string(r.raw(uint64(len(r.b)))) }

func setField[T any](w *fieldWriter, what uint64, v *T, write func(b []byte, v T) []byte) {
	if v != nil {
		w.field(what, func(b []byte) []byte { return write(b, *v) })
	}
}

func appendText(b []byte, s string) []byte { return append(b, s...) }

// groupFields writes what entries of groups have in their block.
func groupFields(w *fieldWriter, e *chat.Entry) {
	if e.Act.N != 0 {
		w.field(entryAct, func(b []byte) []byte { return appendNumbers(b, e.Act.N, uint64(e.Act.Prev)) })
	}
	switch v := e.Body.(type) {
	case chat.Changed:
		setField(w, entryJoining, v.Joining, func(b []byte, v chat.Joining) []byte { return append(b, byte(v)) })
		setField(w, entryPosting, v.Posting, func(b []byte, v chat.Posting) []byte { return append(b, byte(v)) })
		setField(w, entryQuiet, v.QuietUntilMS, binary.AppendUvarint)
		setField(w, entryHistory, v.History, func(b []byte, v bool) []byte { return append(b, flag(v)) })
		setField(w, entryAnnouncement, v.Announcement, appendText)
	case chat.MembersChanged:
		if v.Ban {
			w.number(entryBan, 1)
		}
		w.text(entryNickname, v.Name)
		w.text(entryReason, v.Reason)
	default:
	}
}

// groupField reads one of them into an entry whose body is read already; it is false for what is none.
func groupField(what uint64, field *Reader, e *chat.Entry) bool {
	if what == entryAct {
		e.Act = chat.Act{N: field.Number(), Prev: chat.Seq(field.Number())}
		return true
	}
	switch v := e.Body.(type) {
	case chat.Changed:
		if !termField(what, field, &v) {
			return false
		}
		e.Body = v
	case chat.MembersChanged:
		switch what {
		case entryBan:
			v.Ban = field.Number() != 0
		case entryNickname:
			v.Name = field.rest()
		case entryReason:
			v.Reason = field.rest()
		default:
			return false
		}
		e.Body = v
	default:
		return false
	}
	return true
}

func termField(what uint64, field *Reader, v *chat.Changed) bool {
	switch what {
	case entryJoining:
		v.Joining = ptr(chat.Joining(field.byte()))
	case entryPosting:
		v.Posting = ptr(chat.Posting(field.byte()))
	case entryQuiet:
		v.QuietUntilMS = ptr(field.Number())
	case entryHistory:
		v.History = ptr(field.byte() != 0)
	case entryAnnouncement:
		v.Announcement = ptr(field.rest())
	default:
		return false
	}
	return true
}

func ptr[T any](v T) *T { return &v }

func groupHead(w *fieldWriter, h *chat.Head) {
	if t := h.Terms; t != (chat.Terms{}) {
		w.field(headTerms, func(b []byte) []byte {
			return appendNumbers(b, uint64(t.Joining), uint64(t.Posting), t.QuietUntilMS, uint64(t.HistoryFrom))
		})
	}
	if h.Acts.N != 0 {
		w.field(headActs, func(b []byte) []byte { return appendNumbers(b, h.Acts.N, uint64(h.Acts.Last)) })
	}
}

func groupHeadField(what uint64, field *Reader, h *chat.Head) bool {
	switch what {
	case headTerms:
		h.Terms = chat.Terms{
			Joining: chat.Joining(field.Number()), Posting: chat.Posting(field.Number()), QuietUntilMS: field.Number(), HistoryFrom: chat.Seq(field.Number()),
		}
	case headActs:
		h.Acts = chat.Acts{N: field.Number(), Last: chat.Seq(field.Number())}
	default:
		return false
	}
	return true
}

func aboutBlock(c chat.Conversation) chat.Later {
	if c.Announcement == "" && c.Password == "" && c.Pins == "" {
		return c.Later
	}
	w := fieldWriter{}
	w.text(aboutAnnouncement, c.Announcement)
	w.text(aboutPassword, c.Password)
	w.text(aboutPins, string(c.Pins))
	return chat.Later(w.b) + c.Later
}

func (r *Reader) aboutFields(block chat.Later, c *chat.Conversation) {
	c.Later = r.fields(block, func(what uint64, field *Reader) bool {
		switch what {
		case aboutAnnouncement:
			c.Announcement = field.rest()
		case aboutPassword:
			c.Password = field.rest()
		case aboutPins:
			c.Pins = chat.Pins(field.rest())
			field.broken = field.broken || !c.Pins.Valid()
		default:
			return false
		}
		return true
	})
}

// partBlock is what few members have, with what a later version wrote behind it.
func partBlock(m chat.Member) chat.Later {
	if m.Nickname == "" && m.NamedMS == 0 && m.BannedUntilMS == 0 && m.Since == 0 {
		return m.Later
	}
	w := fieldWriter{}
	w.text(partNickname, m.Nickname)
	w.number(partNamed, m.NamedMS)
	w.number(partBanned, m.BannedUntilMS)
	w.number(partSince, uint64(m.Since))
	return chat.Later(w.b) + m.Later
}

func (r *Reader) partFields(block chat.Later, m *chat.Member) {
	m.Later = r.fields(block, func(what uint64, field *Reader) bool {
		switch what {
		case partNickname:
			m.Nickname = field.rest()
		case partNamed:
			m.NamedMS = field.Number()
		case partBanned:
			m.BannedUntilMS = field.Number()
		case partSince:
			m.Since = chat.Seq(field.Number())
		default:
			return false
		}
		return true
	})
}
