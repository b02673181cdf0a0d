package record

import (
	"encoding/binary"

	"github.com/throng-im/throng/internal/chat"
)

const (
	eventEntry = 1 << iota // an entry, at the head's seq; it stands in its own row
	eventRead              // a read position moved
)

// eventMemberWas says that the seq of the member change before the entry stands at the end. Rows of the time when nobody wrote it have none.
const eventMemberWas = 1 << 4

// eventLater says that a block of a later version stands behind everything else.
const eventLater = flagLater

// eventWas is how far up the flags the two bits of the tier before the entry are. They are 0 in rows of the time when nobody wrote them.
const eventWas = 2

// AppendEvent writes an event into a row of events. Entries are not repeated there, only named.
func AppendEvent(b []byte, ev chat.Event) []byte {
	flags := byte(ev.Was) << eventWas
	if ev.Entry != nil {
		flags |= eventEntry
	}
	if ev.Reader != 0 {
		flags |= eventRead
	}
	if ev.MemberWas != 0 {
		flags |= eventMemberWas
	}
	later := laterOf(ev.Later)
	if later != "" {
		flags |= eventLater
	}
	b = binary.AppendUvarint(append(b, flags), uint64(ev.Head.Conversation))
	b = binary.AppendUvarint(AppendHead(b, ev.Head), uint64(ev.Device))
	if ev.Reader != 0 {
		b = appendNumbers(b, uint64(ev.Reader), uint64(ev.Read.Seq), uint64(ev.Read.Ordinal))
	}
	if ev.MemberWas != 0 {
		b = binary.AppendUvarint(b, uint64(ev.MemberWas))
	}
	return appendLater(b, later)
}

// Event returns the next event; named reports that its entry is to be read from its own row.
func (r *Reader) Event() (ev chat.Event, named bool) {
	flags := r.byte()
	ev.Was = chat.Tier(flags >> eventWas & 3)
	ev.Head = r.Head(chat.ConversationID(r.Number()))
	ev.Device = chat.DeviceID(r.Number())
	if flags&eventRead != 0 {
		ev.Reader = chat.UserID(r.Number())
		ev.Read = chat.Read{Seq: chat.Seq(r.Number()), Ordinal: chat.Ordinal(r.Number())}
	}
	if flags&eventMemberWas != 0 {
		ev.MemberWas = chat.Seq(r.Number())
	}
	ev.Later = r.later(flags)
	return ev, flags&eventEntry != 0
}
