package record

import (
	"encoding/binary"
	"maps"
	"slices"

	"github.com/throng-im/throng/internal/chat"
)

// The kinds of bodies in stored entries.
const (
	bodyText byte = iota + 1
	bodyMedia
	bodyCustom
	bodySystem
	bodyCreated
	bodyMembers
	bodyChanged
	bodyDissolved
	bodyTombstone
	bodyEdit
	bodyRecall
)

// bodyPin is apart from the others.
const bodyPin byte = 60

// The fields in the block of an entry. A number is never used again; those of later versions are kept as they are.
const (
	entryEdited   = iota + 1 // how many edits, their seqs, the time of the last one
	entryRecalled            // of a tombstone: seq of the recall, who, why
)

// What an edit has, in one byte.
const (
	editBody = 1 << iota
	editWas
)

// flagClient, in the flags of an entry, says that a client id follows.
const flagClient = 1

// AppendEntry writes an entry. The ordinal comes first: it is what is read most without the rest.
func AppendEntry(b []byte, e *chat.Entry) []byte {
	b = binary.AppendUvarint(b, uint64(e.Ordinal))
	b = binary.AppendUvarint(b, uint64(e.Sender))
	b = binary.AppendUvarint(b, e.TimeMS)
	var flags byte
	if !e.ClientID.IsZero() {
		flags = flagClient
	}
	block := laterOf(entryBlock(e))
	if block != "" {
		flags |= flagLater
	}
	b = append(b, flags)
	if flags&flagClient != 0 {
		b = append(b, e.ClientID[:]...)
	}
	return appendBody(appendLater(b, block), e.Body)
}

// entryBlock is what few entries have, with what a later version wrote behind it.
func entryBlock(e *chat.Entry) chat.Later {
	t, _ := e.Body.(chat.Tombstone)
	recalled := t.Seq != 0 || t.By != 0 || t.Note != ""
	w := fieldWriter{}
	groupFields(&w, e)
	referFields(&w, e.Refers)
	if e.Edited != nil {
		w.field(entryEdited, func(b []byte) []byte {
			return binary.AppendUvarint(appendSeqs(b, e.Edited.Seqs), e.Edited.TimeMS)
		})
	}
	if recalled {
		w.field(entryRecalled, func(b []byte) []byte { return appendString(appendNumbers(b, uint64(t.Seq), uint64(t.By)), t.Note) })
	}
	if len(w.b) == 0 {
		return e.Later
	}
	return chat.Later(w.b) + e.Later
}

// entryFields reads the block of an entry, whose body is read already.
func (r *Reader) entryFields(block chat.Later, e *chat.Entry) {
	e.Later = r.fields(block, func(what uint64, field *Reader) bool {
		switch what {
		case entryEdited:
			e.Edited = &chat.Edited{Seqs: field.seqs(), TimeMS: field.Number()}
		case entryRecalled:
			t, ok := e.Body.(chat.Tombstone)
			t.Seq, t.By, t.Note = chat.Seq(field.Number()), chat.UserID(field.Number()), field.string()
			if field.broken = field.broken || !ok; ok {
				e.Body = t
			}
		default:
			return referField(what, field, e) || groupField(what, field, e)
		}
		return true
	})
}

// BeginningBytes is within how many bytes of an entry's record its beginning is.
const BeginningBytes = 3*binary.MaxVarintLen64 + 1 + 16

// Entry reads an entry.
func (r *Reader) Entry(id chat.ConversationID, seq chat.Seq) chat.Entry {
	e, flags := r.beginning()
	e.Conversation, e.Seq = id, seq
	block := r.later(flags)
	e.Body = r.body()
	r.entryFields(block, &e)
	return e
}

// EntryBeginning reads the beginning of an entry's record: ordinal, sender, time and client id.
func (r *Reader) EntryBeginning() chat.Entry {
	e, _ := r.beginning()
	return e
}

func (r *Reader) beginning() (e chat.Entry, flags byte) {
	e = chat.Entry{Ordinal: chat.Ordinal(r.Number()), Sender: chat.UserID(r.Number()), TimeMS: r.Number()}
	if flags = r.byte(); flags&flagClient != 0 {
		copy(e.ClientID[:], r.raw(uint64(len(e.ClientID))))
	}
	return e, flags
}

func appendBody(b []byte, body chat.Body) []byte {
	switch v := body.(type) {
	case chat.Text:
		return append(append(b, textKind(v.Text)), v.Text...) // to the end: most bodies are this
	case chat.Media:
		b = append(b, bodyMedia, byte(v.Type))
		b = appendNumbers(b, v.Size, uint64(v.Width), uint64(v.Height), uint64(v.DurationMS))
		return appendStrings(b, v.Ref, v.MIME, v.Name, v.Caption, string(v.Preview))
	case chat.Custom:
		return appendStrings(append(b, bodyCustom), v.Type, string(v.Data), v.Fallback)
	case chat.System:
		b = appendNumbers(appendString(append(b, bodySystem), v.Event), uint64(len(v.Args)))
		for _, name := range slices.Sorted(maps.Keys(v.Args)) {
			b = appendStrings(b, name, v.Args[name])
		}
		return b
	case chat.Created:
		b = appendStrings(append(b, bodyCreated, byte(v.Kind), flag(v.Open)), v.Name, v.Avatar, v.Description)
		return appendUsers(b, v.Members)
	case chat.MembersChanged:
		b = appendNumbers(append(b, bodyMembers, byte(v.Action), byte(v.Role)), v.UntilMS)
		return appendUsers(b, v.Users)
	case chat.Changed:
		b = append(b, bodyChanged)
		b = appendOptional(appendOptional(appendOptional(b, v.Name), v.Avatar), v.Description)
		if v.Open == nil {
			b = append(b, 0)
		} else {
			b = append(b, 1, flag(*v.Open))
		}
		return appendChangedRest(b, v)
	case chat.Dissolved:
		return append(b, bodyDissolved)
	case chat.Tombstone:
		return append(b, bodyTombstone, byte(v.Reason))
	case chat.Edit:
		return appendEdit(b, v)
	case chat.Recall:
		return appendString(appendSeqs(appendNumbers(append(b, bodyRecall), uint64(v.Target), uint64(v.Ordinal)), v.Edits), v.Note)
	case chat.Pin:
		return appendNumbers(append(b, bodyPin, flag(v.On)), uint64(v.Target))
	case chat.Opaque:
		return append(append(b, v.Kind), v.Raw...)
	default:
		return append(b, 0) // no decision lets one through
	}
}

func (r *Reader) body() chat.Body {
	switch kind := kindOf(r.byte()); kind {
	case bodyText:
		return chat.Text{Text: string(r.raw(uint64(len(r.b))))}
	case bodyMedia:
		m := chat.Media{Type: chat.MediaType(r.byte()), Size: r.Number()}
		m.Width, m.Height, m.DurationMS = uint32(r.Number()), uint32(r.Number()), uint32(r.Number())
		m.Ref, m.MIME, m.Name, m.Caption, m.Preview = r.string(), r.string(), r.string(), r.string(), r.bytes()
		return m
	case bodyCustom:
		return chat.Custom{Type: r.string(), Data: r.bytes(), Fallback: r.string()}
	case bodySystem:
		s := chat.System{Event: r.string()}
		if n := r.count(); n > 0 {
			s.Args = make(map[string]string, n)
			for range n {
				name := r.string()
				s.Args[name] = r.string()
			}
		}
		return s
	case bodyCreated:
		c := chat.Created{Kind: chat.Kind(r.byte()), Open: r.byte() != 0, Name: r.string(), Avatar: r.string(), Description: r.string()}
		c.Members = r.users()
		return c
	case bodyMembers:
		m := chat.MembersChanged{Action: chat.MemberAction(r.byte()), Role: chat.Role(r.byte()), UntilMS: r.Number()}
		m.Users = r.users()
		return m
	case bodyChanged:
		c := chat.Changed{Name: r.optional(), Avatar: r.optional(), Description: r.optional()}
		if r.byte() != 0 {
			open := r.byte() != 0
			c.Open = &open
		}
		r.changedRest(&c)
		return c
	case bodyDissolved:
		return chat.Dissolved{}
	case bodyTombstone:
		return chat.Tombstone{Reason: chat.TombstoneReason(r.byte())}
	case bodyEdit:
		return r.edit()
	case bodyRecall:
		return chat.Recall{Target: chat.Seq(r.Number()), Ordinal: chat.Ordinal(r.Number()), Edits: r.seqs(), Note: r.string()}
	case bodyPin:
		return chat.Pin{On: r.byte() != 0, Target: chat.Seq(r.Number())}
	case 0:
		r.broken = true
		return nil
	default:
		return chat.Opaque{Kind: kind, Raw: string(r.raw(uint64(len(r.b))))}
	}
}

func appendEdit(b []byte, e chat.Edit) []byte {
	var has byte
	if e.Body != nil {
		has |= editBody
	}
	if e.Was != nil {
		has |= editWas
	}
	b = append(appendNumbers(append(b, bodyEdit), uint64(e.Target)), has)
	for _, body := range []chat.Body{e.Body, e.Was} {
		if body != nil {
			inner := appendBody(nil, body)
			b = append(binary.AppendUvarint(b, uint64(len(inner))), inner...)
		}
	}
	return b
}

func (r *Reader) edit() chat.Body {
	e := chat.Edit{Target: chat.Seq(r.Number())}
	has := r.byte()
	if has&editBody != 0 {
		e.Body = r.inner()
	}
	if has&editWas != 0 {
		e.Was = r.inner()
	}
	return e
}

// inner reads a body that stands in another one. Only content does.
func (r *Reader) inner() chat.Body {
	in := NewReader(r.raw(r.Number()))
	if len(in.b) > 0 && (in.b[0] == bodyEdit || in.b[0] == bodyRecall) {
		r.broken = true // nobody writes one: it would nest without end
		return nil
	}
	body := in.body()
	if !in.Done() || !chat.Content(body) {
		r.broken = true
	}
	return body
}

func appendSeqs(b []byte, seqs []chat.Seq) []byte {
	b = binary.AppendUvarint(b, uint64(len(seqs)))
	for _, s := range seqs {
		b = binary.AppendUvarint(b, uint64(s))
	}
	return b
}

func (r *Reader) seqs() []chat.Seq {
	n := r.count()
	if n == 0 {
		return nil
	}
	out := make([]chat.Seq, n)
	for i := range out {
		out[i] = chat.Seq(r.Number())
	}
	return out
}

// What few changes name stands at the end of the row, each behind a byte that says what it is.
const (
	changedSlow byte = iota + 1
	changedTier
)

func appendChangedRest(b []byte, c chat.Changed) []byte {
	if c.SlowModeMS != nil {
		b = appendNumbers(append(b, changedSlow), uint64(*c.SlowModeMS))
	}
	if c.Tier != nil {
		b = append(b, changedTier, byte(*c.Tier))
	}
	return b
}

func (r *Reader) changedRest(c *chat.Changed) {
	for r.More() {
		switch r.byte() {
		case changedSlow:
			slow := uint32(r.Number())
			c.SlowModeMS = &slow
		case changedTier:
			tier := chat.Tier(r.byte())
			c.Tier = &tier
		default:
			r.broken = true
		}
	}
}

// DecodeEntry reads a whole row of the log.
func DecodeEntry(key, value []byte) (chat.Entry, error) {
	if len(key) != Key2Len {
		return chat.Entry{}, ErrDamaged("entry")
	}
	r := NewReader(value)
	e := r.Entry(chat.ConversationID(First(key)), chat.Seq(Second(key)))
	if !r.Done() {
		return chat.Entry{}, ErrDamaged("entry")
	}
	return e, nil
}
