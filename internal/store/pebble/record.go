package pebble

import (
	"encoding/binary"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/message"
)

// Records are written by hand: fields one after the other, numbers as varints, strings with their length in front. What a
// key says already is not repeated in the value. The layout is that of formatVersion; Pebble's blocks carry checksums.

// reader takes a record apart. After the first field that is not there, all further ones are zero and ok is false.
type reader struct {
	b      []byte
	broken bool
}

func (r *reader) number() uint64 {
	n, size := binary.Uvarint(r.b)
	if size <= 0 {
		r.broken, r.b = true, nil
		return 0
	}
	r.b = r.b[size:]
	return n
}

func (r *reader) byte() byte {
	if len(r.b) == 0 {
		r.broken = true
		return 0
	}
	c := r.b[0]
	r.b = r.b[1:]
	return c
}

// raw returns the next n bytes, borrowed.
func (r *reader) raw(n uint64) []byte {
	if n > uint64(len(r.b)) {
		r.broken, r.b = true, nil
		return nil
	}
	out := r.b[:n]
	r.b = r.b[n:]
	return out
}

func (r *reader) string() string { return string(r.raw(r.number())) }

// count reads the length of a list whose items have at least one byte each: so that a damaged row allocates little.
func (r *reader) count() int {
	n := r.number()
	if n > uint64(len(r.b)) {
		r.broken, r.b = true, nil
		return 0
	}
	return int(n)
}

// done reports that the record held what it should, and nothing more.
func (r *reader) done() bool { return !r.broken && len(r.b) == 0 }

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

const (
	flagDissolved = 1 << iota
	flagOpen
	flagFixed // a tier that was set follows
	flagSlow  // slow mode follows
)

func appendHead(b []byte, h chat.Head) []byte {
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
	return binary.AppendUvarint(b, h.TimeMS)
}

func (r *reader) head(id chat.ConversationID) chat.Head {
	h := chat.Head{Conversation: id, Kind: chat.Kind(r.byte()), Tier: chat.Tier(r.byte())}
	flags := r.byte()
	h.Dissolved, h.Open = flags&flagDissolved != 0, flags&flagOpen != 0
	if flags&flagFixed != 0 {
		h.Fixed = chat.Tier(r.byte())
	}
	if flags&flagSlow != 0 {
		h.SlowModeMS = uint32(r.number())
	}
	h.Seq, h.Ordinal, h.MemberSeq = chat.Seq(r.number()), chat.Ordinal(r.number()), chat.Seq(r.number())
	h.Members = uint32(r.number())
	h.TimeMS = r.number()
	return h
}

func appendPart(b []byte, p message.Part) []byte {
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
)

func appendPartRest(b []byte, m chat.Member) []byte {
	if m.SentMS != 0 {
		b = binary.AppendUvarint(append(b, partSent), m.SentMS)
	}
	if m.Left != nil {
		b = appendStrings(append(b, partLeft), m.Left.Name, m.Left.Avatar)
	}
	return b
}

func (r *reader) partRest(m *chat.Member) {
	for !r.broken && len(r.b) > 0 {
		switch r.byte() {
		case partSent:
			m.SentMS = r.number()
		case partLeft:
			m.Left = &chat.Farewell{Name: r.string(), Avatar: r.string()}
		default:
			r.broken = true
		}
	}
}

func (r *reader) part(user chat.UserID) message.Part {
	p := message.Part{Member: chat.Member{User: user, Role: chat.Role(r.byte()), JoinedMS: r.number(), MutedUntilMS: r.number()}}
	p.Read = chat.Read{Seq: chat.Seq(r.number()), Ordinal: chat.Ordinal(r.number())}
	if n := r.count(); n > 0 {
		p.Spans = make([]chat.Span, n)
		for i := range p.Spans {
			p.Spans[i] = chat.Span{From: chat.Seq(r.number()), To: chat.Seq(r.number())}
		}
	}
	r.partRest(&p.Member)
	return p
}

func appendRepeat(b []byte, p message.Repeat) []byte {
	b = binary.AppendUvarint(b, uint64(p.Seq))
	b = binary.AppendUvarint(b, uint64(p.Ordinal))
	b = binary.AppendUvarint(b, p.TimeMS)
	b = binary.AppendUvarint(b, uint64(p.Count))
	return append(b, p.Print[:]...)
}

func (r *reader) repeat() message.Repeat {
	p := message.Repeat{Seq: chat.Seq(r.number()), Ordinal: chat.Ordinal(r.number()), TimeMS: r.number()}
	p.Count = int(r.number())
	copy(p.Print[:], r.raw(uint64(len(p.Print))))
	return p
}

func appendConversation(b []byte, c chat.Conversation) []byte {
	var flags byte
	if c.Open {
		flags = flagOpen
	}
	b = append(b, byte(c.Kind), flags)
	b = binary.AppendUvarint(b, uint64(c.Owner))
	b = binary.AppendUvarint(b, uint64(c.Pair[0]))
	b = binary.AppendUvarint(b, uint64(c.Pair[1]))
	b = binary.AppendUvarint(b, c.CreatedMS)
	return appendString(appendString(appendString(b, c.Name), c.Avatar), c.Description)
}

func (r *reader) conversation(id chat.ConversationID) chat.Conversation {
	c := chat.Conversation{ID: id, Kind: chat.Kind(r.byte()), Open: r.byte()&flagOpen != 0, Owner: chat.UserID(r.number())}
	c.Pair = [2]chat.UserID{chat.UserID(r.number()), chat.UserID(r.number())}
	c.CreatedMS = r.number()
	c.Name, c.Avatar, c.Description = r.string(), r.string(), r.string()
	return c
}
