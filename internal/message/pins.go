package message

import (
	"context"

	"github.com/throng-im/throng/internal/chat"
)

// Pinned is a pinned message as one reader may see it.
type Pinned struct {
	chat.Pinned

	Entry chat.Entry
}

// Pins reads the messages of a list of pins, in its order: those that the reader may see and whose content has not gone. before leaves out what
// this entry and later ones pinned; 0 is nothing. They are as many as fit into a page, at least one; more reports that there are others.
func (s *Service) Pins(ctx context.Context, reader chat.UserID, id chat.ConversationID, pins chat.Pins, before chat.Seq) (out []Pinned, more bool, err error) {
	st, err := s.sight(ctx, view{conversation: id, reader: reader, entries: true})
	if err != nil {
		return nil, false, err
	}
	size := 0
	for _, pin := range pins.List() {
		if before != 0 && pin.Seq >= before || !st.sees(pin.Target) || st.hidden.Contains(pin.Target) {
			continue
		}
		e, err := s.shown(ctx, st, reader, pin.Target)
		if err != nil {
			return nil, false, err
		}
		if !chat.Content(e.Body) {
			continue
		}
		if size += pinRow + e.WireBytes(); size > chat.MaxRangeBytes && len(out) > 0 {
			return out, true, nil
		}
		out = append(out, Pinned{Pinned: pin, Entry: e})
	}
	return out, false, nil
}

// pinRow is about what a pinned message takes in an answer besides what it says, in bytes.
const pinRow = 256

// shown reads an entry that a reader sees, as the reader sees it.
func (s *Service) shown(ctx context.Context, st sight, reader chat.UserID, seq chat.Seq) (chat.Entry, error) {
	found, err := s.one(ctx, st, seq)
	if err != nil {
		return chat.Entry{}, err
	}
	e := *found
	if !chat.Shown(&e, st.sees) {
		if e, err = s.asOf(ctx, st, e); err != nil {
			return chat.Entry{}, err
		}
	}
	if e.Sender != reader {
		e.ClientID = chat.ClientID{}
	}
	return e, nil
}

// Place is an entry with where it stands for one reader.
type Place struct {
	Entry chat.Entry
	// Around are the seqs around it that the reader may read without a gap.
	Around chat.Span
	// Head is the end of what the reader may see.
	Head chat.Head
}

// Find reads one entry. What is not there, and what is not for the reader, is message_not_found; who never was a member gets
// conversation_not_found.
func (s *Service) Find(ctx context.Context, reader chat.UserID, id chat.ConversationID, seq chat.Seq) (Place, error) {
	if id == 0 || id > chat.MaxID {
		return Place{}, chat.Errorf(chat.CodeInvalid, chat.ReasonIDInvalid, "an id is a number from 1 to %d", uint64(chat.MaxID))
	}
	st, err := s.sight(ctx, view{conversation: id, reader: reader, entries: true})
	if err != nil {
		return Place{}, err
	}
	if st.head, err = s.capHead(ctx, st); err != nil {
		return Place{}, err
	}
	p := Place{Head: st.head}
	for _, span := range st.hidden.Cut(st.spans, st.head.Seq) {
		if span.To == 0 || span.To > st.head.Seq {
			span.To = st.head.Seq
		}
		if span.Contains(seq) {
			p.Around = span
		}
	}
	if seq == 0 || p.Around.To < seq {
		return Place{}, errNoMessage()
	}
	if p.Entry, err = s.shown(ctx, st, reader, seq); err != nil {
		return Place{}, err
	}
	if st.hidden.Hides(&p.Entry) {
		return Place{}, errNoMessage()
	}
	return p, nil
}
