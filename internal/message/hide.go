package message

import (
	"cmp"
	"context"
	"slices"

	"github.com/throng-im/throng/internal/chat"
)

// hide deletes entries for a member alone, who may have left by now. What lies before the member's first entry is left out: there is nothing to
// hide. Repeat says that nothing changed.
func (c *change) hide() (Effect, *chat.Error) {
	part := c.st.Part(c.draft.Conversation, c.draft.Sender)
	if len(part.Spans) == 0 {
		return Effect{}, errNotFound()
	}
	e := Effect{Head: c.head, Result: chat.Result{Seq: c.head.Seq, Ordinal: c.head.Ordinal, TimeMS: c.head.TimeMS, Read: part.Read, Repeat: true}}
	hidden, first, last := part.Hidden, part.First(), part.Last(c.head.Seq)
	for _, s := range c.draft.Hide {
		if s.To > last {
			return Effect{}, chat.Errorf(chat.CodeInvalid, chat.ReasonRangeInvalid, "the conversation ends at %d for you, before the span", last)
		}
		if s.From = max(s.From, first); s.From > s.To {
			continue
		}
		more := chat.HiddenSpan{Span: s, Last: c.st.Ordinal(c.draft.Conversation, s.To)}
		if s.From > 1 {
			more.Before = c.st.Ordinal(c.draft.Conversation, s.From-1)
		}
		var ok bool
		if hidden, ok = hidden.Add(more); !ok {
			return Effect{}, chat.Errorf(chat.CodeTooLarge, chat.ReasonTooManyHidden,
				"at most %d spans of entries are deleted for oneself in a conversation; delete what lies between some of them, too", chat.MaxHidden)
		}
	}
	if hidden != part.Hidden {
		part.User, part.Hidden = c.draft.Sender, hidden
		e.Parts, e.Result.Repeat = []Part{part}, false
	}
	return e, nil
}

// WithHidden has other nodes told that a reader has deleted entries for oneself, for [Service.Unsee] there. Announce must not block.
func WithHidden(announce func(id chat.ConversationID, reader chat.UserID)) Option {
	return func(s *Service) { s.hides = announce }
}

// Hide deletes spans of a conversation's entries for a member alone. No page that this node makes for the member after it has returned shows them;
// other nodes follow within moments.
func (s *Service) Hide(ctx context.Context, reader chat.UserID, id chat.ConversationID, spans []chat.Span) error {
	_, err := s.Append(ctx, &chat.Draft{Conversation: id, Sender: reader, Hide: spans})
	s.Unsee(id, reader) // also after an error: it may stand
	if s.hides != nil {
		s.hides(id, reader)
	}
	return err
}

// Unsee lets go of what is remembered of a reader: some entries are deleted for that one.
func (s *Service) Unsee(id chat.ConversationID, reader chat.UserID) {
	k := readerKey{id, reader}
	s.unseen.Add(1)
	s.stands.Delete(k)
	if s.recent != nil {
		s.recent.unsee(k)
	}
}

// unsee forgets a reader, and what is being asked about that one.
func (r *recent) unsee(k readerKey) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.who.drop(k)
}

// withhold takes out of a page what amends an entry that the reader has deleted.
func (st *sight) withhold(p *Page) {
	if st.hidden == "" {
		return
	}
	p.Entries = slices.DeleteFunc(p.Entries, func(e chat.Entry) bool {
		if !st.hidden.Hides(&e) {
			return false
		}
		p.Withheld = append(p.Withheld, chat.Span{From: e.Seq, To: e.Seq})
		return true
	})
	slices.SortFunc(p.Withheld, func(a, b chat.Span) int { return cmp.Compare(a.From, b.From) })
}
