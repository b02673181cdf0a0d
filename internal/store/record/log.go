package record

import (
	"encoding/binary"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/message"
)

const (
	flagDissolved = 1 << iota
	flagOpen
	flagFixed // a tier that was set follows
	flagSlow  // slow mode follows
)

// The fields in the block of a head.
const (
	headRecalled = iota + 1 // messages that were recalled lately
	headAmended             // the last entry that amended another one
)

// flagLater, in the flags of a record, says that a block of a later version follows.
const flagLater = 1 << 7

// AppendHead writes a head. It is the row that is written most often: few bytes, no names.
func AppendHead(b []byte, h chat.Head) []byte {
	var flags byte
	if h.Dissolved {
		flags |= flagDissolved
	}
	if h.Open {
		flags |= flagOpen
	}
	if h.Fixed != 0 {
		flags |= flagFixed
	}
	if h.SlowModeMS != 0 {
		flags |= flagSlow
	}
	later := laterOf(headBlock(h))
	if later != "" {
		flags |= flagLater
	}
	b = append(b, byte(h.Kind), byte(h.Tier), flags)
	if h.Fixed != 0 {
		b = append(b, byte(h.Fixed))
	}
	if h.SlowModeMS != 0 {
		b = binary.AppendUvarint(b, uint64(h.SlowModeMS))
	}
	b = binary.AppendUvarint(b, uint64(h.Seq))
	b = binary.AppendUvarint(b, uint64(h.Ordinal))
	b = binary.AppendUvarint(b, uint64(h.MemberSeq))
	b = binary.AppendUvarint(b, uint64(h.Members))
	return appendLater(binary.AppendUvarint(b, h.TimeMS), later)
}

// headBlock is what few heads have, with what a later version wrote behind it.
func headBlock(h chat.Head) chat.Later {
	if h.Amended == 0 && h.Recalled == "" && h.Terms == (chat.Terms{}) && h.Acts.N == 0 {
		return h.Later
	}
	w := fieldWriter{}
	if h.Recalled != "" {
		w.field(headRecalled, func(b []byte) []byte { return append(b, h.Recalled...) })
	}
	w.number(headAmended, uint64(h.Amended))
	groupHead(&w, &h)
	return chat.Later(w.b) + h.Later
}

// Head reads a head.
func (r *Reader) Head(id chat.ConversationID) chat.Head {
	h := chat.Head{Conversation: id, Kind: chat.Kind(r.byte()), Tier: chat.Tier(r.byte())}
	flags := r.byte()
	h.Dissolved, h.Open = flags&flagDissolved != 0, flags&flagOpen != 0
	if flags&flagFixed != 0 {
		h.Fixed = chat.Tier(r.byte())
	}
	if flags&flagSlow != 0 {
		h.SlowModeMS = uint32(r.Number())
	}
	h.Seq, h.Ordinal, h.MemberSeq = chat.Seq(r.Number()), chat.Ordinal(r.Number()), chat.Seq(r.Number())
	h.Members = uint32(r.Number())
	h.TimeMS = r.Number()
	h.Later = r.fields(r.later(flags), func(what uint64, field *Reader) bool {
		switch what {
		case headRecalled:
			var ok bool
			h.Recalled, ok = chat.ParseOrdinals(field.raw(uint64(len(field.b))))
			field.broken = field.broken || !ok
		case headAmended:
			h.Amended = chat.Seq(field.Number())
		default:
			return groupHeadField(what, field, &h)
		}
		return true
	})
	return h
}

// AppendPart writes a member row: the member and the read position.
func AppendPart(b []byte, p message.Part) []byte {
	b = append(b, byte(p.Role))
	b = binary.AppendUvarint(b, p.JoinedMS)
	b = binary.AppendUvarint(b, p.MutedUntilMS)
	b = binary.AppendUvarint(b, uint64(p.Read.Seq))
	b = binary.AppendUvarint(b, uint64(p.Read.Ordinal))
	b = binary.AppendUvarint(b, uint64(len(p.Spans)))
	for _, s := range p.Spans {
		b = binary.AppendUvarint(b, uint64(s.From))
		b = binary.AppendUvarint(b, uint64(s.To))
	}
	return appendPartRest(b, p.Member)
}

// What most members do not have stands at the end of the row, each behind a byte that says what it is.
const (
	partSent byte = iota + 1
	partLeft
	partLater
)

// What stands in front of a block, in this order, begins with a byte that says what it is. What other versions put there begins otherwise.
const (
	blockBar byte = iota + 1
	blockGot
	blockHidden
)

// The second byte of a bar: two flags, and the gate above them.
const (
	barOn byte = 1 << iota
	barHolds
	barGate = 2
)

func appendPartRest(b []byte, m chat.Member) []byte {
	if m.SentMS != 0 {
		b = binary.AppendUvarint(append(b, partSent), m.SentMS)
	}
	if m.Left != nil {
		b = appendStrings(append(b, partLeft), m.Left.Name, m.Left.Avatar)
	}
	later := string(laterOf(partBlock(m)))
	// Who does not know of these keeps them as a block of a later version.
	if m.Hidden != "" {
		later = string(appendString([]byte{blockHidden}, string(m.Hidden))) + later
	}
	if m.Got != 0 {
		later = string(binary.AppendUvarint([]byte{blockGot}, uint64(m.Got))) + later
	}
	if m.Bar != (chat.Bar{}) || m.Holds {
		flags := flag(m.Bar.On)*barOn | flag(m.Holds)*barHolds | byte(m.Bar.Gate)<<barGate
		later = string(binary.AppendUvarint([]byte{blockBar, flags}, m.Bar.Version)) + later
	}
	if later != "" {
		b = appendString(append(b, partLater), later)
	}
	return b
}

func (r *Reader) partRest(m *chat.Member) {
	for r.More() {
		switch r.byte() {
		case partSent:
			m.SentMS = r.Number()
		case partLeft:
			m.Left = &chat.Farewell{Name: r.string(), Avatar: r.string()}
		case partLater:
			block := NewReader(r.raw(r.Number()))
			if len(block.b) > 0 && block.b[0] == blockBar {
				_ = block.byte()
				flags := block.byte()
				m.Holds = flags&barHolds != 0
				m.Bar = chat.Bar{On: flags&barOn != 0, Gate: chat.Gate(flags >> barGate), Version: block.Number()}
			}
			if len(block.b) > 0 && block.b[0] == blockGot {
				_ = block.byte()
				m.Got = chat.Seq(block.Number())
			}
			if len(block.b) > 0 && block.b[0] == blockHidden {
				_ = block.byte()
				m.Hidden = chat.Hidden(block.string())
				block.broken = block.broken || !m.Hidden.Valid()
			}
			r.broken = r.broken || block.broken
			r.partFields(chat.Later(block.b), m)
		default:
			r.broken = true
		}
	}
}

// Part reads a member row.
func (r *Reader) Part(user chat.UserID) message.Part {
	p := message.Part{Member: chat.Member{User: user, Role: chat.Role(r.byte()), JoinedMS: r.Number(), MutedUntilMS: r.Number()}}
	p.Read = chat.Read{Seq: chat.Seq(r.Number()), Ordinal: chat.Ordinal(r.Number())}
	if n := r.count(); n > 0 {
		p.Spans = make([]chat.Span, n)
		for i := range p.Spans {
			p.Spans[i] = chat.Span{From: chat.Seq(r.Number()), To: chat.Seq(r.Number())}
		}
	}
	r.partRest(&p.Member)
	return p
}

// AppendRepeat writes a repeat row: the answer of the first send, and a print of its content that survives a recall.
func AppendRepeat(b []byte, p message.Repeat) []byte {
	b = binary.AppendUvarint(b, uint64(p.Seq))
	b = binary.AppendUvarint(b, uint64(p.Ordinal))
	b = binary.AppendUvarint(b, p.TimeMS)
	b = binary.AppendUvarint(b, uint64(p.Count))
	return appendLater(append(b, p.Print[:]...), laterOf(""))
}

// Repeat reads a repeat row.
func (r *Reader) Repeat() message.Repeat {
	p := message.Repeat{Seq: chat.Seq(r.Number()), Ordinal: chat.Ordinal(r.Number()), TimeMS: r.Number()}
	p.Count = int(r.Number())
	copy(p.Print[:], r.raw(uint64(len(p.Print))))
	if r.More() {
		_ = r.string() // of a later version; the row is never written again
	}
	return p
}

// AppendConversation writes what stands about a conversation and changes seldom.
func AppendConversation(b []byte, c chat.Conversation) []byte {
	var flags byte
	if c.Open {
		flags = flagOpen
	}
	later := laterOf(aboutBlock(c))
	if later != "" {
		flags |= flagLater
	}
	b = append(b, byte(c.Kind), flags)
	b = binary.AppendUvarint(b, uint64(c.Owner))
	b = binary.AppendUvarint(b, uint64(c.Pair[0]))
	b = binary.AppendUvarint(b, uint64(c.Pair[1]))
	b = binary.AppendUvarint(b, c.CreatedMS)
	return appendLater(appendStrings(b, c.Name, c.Avatar, c.Description), later)
}

// Conversation reads what stands about a conversation.
func (r *Reader) Conversation(id chat.ConversationID) chat.Conversation {
	c := chat.Conversation{ID: id, Kind: chat.Kind(r.byte())}
	flags := r.byte()
	c.Open, c.Owner = flags&flagOpen != 0, chat.UserID(r.Number())
	c.Pair = [2]chat.UserID{chat.UserID(r.Number()), chat.UserID(r.Number())}
	c.CreatedMS = r.Number()
	c.Name, c.Avatar, c.Description = r.string(), r.string(), r.string()
	r.aboutFields(r.later(flags), &c)
	return c
}

// RoleBanned is under what the index of owners and admins has those who are banned.
const RoleBanned chat.Role = 100

// Listed is the role under which the index of owners and admins has a member; 0 for who is not in it.
func Listed(m chat.Member) chat.Role {
	switch {
	case m.Current() && (m.Role == chat.RoleOwner || m.Role == chat.RoleAdmin):
		return m.Role
	case m.BannedUntilMS != 0 && !m.Current():
		return RoleBanned
	default:
		return 0
	}
}

// ListedValue is the value of a row of the index: empty for owners and admins.
func ListedValue(role chat.Role) []byte {
	if role == RoleBanned {
		return []byte{byte(role)}
	}
	return nil
}
