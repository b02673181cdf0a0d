package message

import (
	"context"

	"github.com/throng-im/throng/internal/chat"
)

// RangeQuery asks for a page of a conversation's log as one reader may see it. The page goes forward from From, or, with
// Backward or without From, backward from To (0: the head).
type RangeQuery struct {
	Reader       chat.UserID // 0 is the server, which sees everything
	Conversation chat.ConversationID
	From, To     chat.Seq
	Limit        int // 1 to chat.MaxRangeEntries; 0 is 50, more is clamped
	Backward     bool
}

// Page is an answer: entries and withheld spans that together cover one contiguous span.
type Page struct {
	Entries  []chat.Entry
	Withheld []chat.Span
	// Covered is zero where the range lies outside of what there is for the reader.
	Covered chat.Span
	// Head is the end of what the reader may see; of who left, the entry that ended the membership.
	Head chat.Head
}

const defaultPage = 50

// Range reads a page. Who never was a member is told that there is no such conversation; what lies outside of a member's
// spans is withheld, without a reason. Client ids are shown to their own sender only.
func (s *Service) Range(ctx context.Context, q RangeQuery) (Page, error) {
	q, err := q.normal()
	if err != nil {
		return Page{}, err
	}
	// The head is read before the member: who is removed in between reads nothing behind the removal, since the page ends at
	// a head from before it.
	head, err := s.Head(ctx, q.Conversation)
	if err != nil {
		return Page{}, err
	}
	if !head.Exists() {
		return Page{}, errNotFound()
	}
	spans := []chat.Span{{From: 1}}
	if q.Reader != 0 {
		m, err := s.members.Member(ctx, q.Conversation, q.Reader)
		if err != nil {
			return Page{}, err //nolint:wrapcheck // a port answers in our own errors
		}
		if len(m.Spans) == 0 {
			return Page{}, errNotFound()
		}
		spans = m.Spans
		if mutant == mutantReadPastRemoval {
			spans = []chat.Span{{From: m.First()}}
		}
	}
	if head, err = s.capHead(ctx, head, spans); err != nil {
		return Page{}, err
	}
	return s.page(ctx, q, head, spans)
}

// normal checks the query and fills in what it leaves out.
func (q RangeQuery) normal() (RangeQuery, error) {
	switch {
	case q.Conversation == 0 || q.Conversation > chat.MaxID:
		return q, chat.Errorf(chat.CodeInvalid, chat.ReasonIDInvalid, "an id is a number from 1 to %d", uint64(chat.MaxID))
	case q.From != 0 && q.To != 0 && q.From > q.To, q.Limit < 0:
		return q, chat.Errorf(chat.CodeInvalid, chat.ReasonRangeInvalid, "a range goes from a lower to a higher seq, with a positive limit")
	case q.Limit == 0:
		q.Limit = defaultPage
	}
	q.Limit = min(q.Limit, chat.MaxRangeEntries)
	q.Backward = q.Backward || q.From == 0
	q.From = max(q.From, 1)
	return q, nil
}

// capHead returns the head as one with these spans may see it.
func (s *Service) capHead(ctx context.Context, head chat.Head, spans []chat.Span) (chat.Head, error) {
	last := spans[len(spans)-1].To
	if last == 0 || last >= head.Seq {
		return head, nil
	}
	at, err := s.log.Range(ctx, Range{Conversation: head.Conversation, From: last, To: last, Limit: 1})
	if err != nil {
		return chat.Head{}, err //nolint:wrapcheck // a port answers in our own errors
	}
	if len(at) != 1 {
		return chat.Head{}, chat.Errorf(chat.CodeInternal, chat.ReasonInternal, "an entry below the head is missing; run throng check")
	}
	// How the conversation went on is not for who left.
	return chat.Head{
		Conversation: head.Conversation, Kind: head.Kind, Tier: head.Tier,
		Seq: last, Ordinal: at[0].Ordinal, MemberSeq: last, TimeMS: at[0].TimeMS,
	}, nil
}

// page walks from one end of the query over the reader's spans, reading what lies in them and naming what lies between.
func (s *Service) page(ctx context.Context, q RangeQuery, head chat.Head, spans []chat.Span) (Page, error) {
	p := Page{Head: head}
	to := head.Seq
	if q.To != 0 && q.To < to {
		to = q.To
	}
	if q.From > to {
		return p, nil
	}
	w := walk{query: q, spans: spans, left: q.Limit, bytes: chat.MaxRangeBytes, from: q.From, to: to}
	for w.from <= w.to && w.left > 0 && w.bytes > 0 {
		full, err := w.step(ctx, s.log, &p)
		if err != nil {
			return Page{}, err
		}
		if full {
			break
		}
	}
	p.Covered = chat.Span{From: q.From, To: w.from - 1}
	if q.Backward {
		p.Covered = chat.Span{From: w.to + 1, To: to}
		reverse(p.Entries)
		reverse(p.Withheld)
	}
	for i := range p.Entries {
		if p.Entries[i].Sender != q.Reader {
			p.Entries[i].ClientID = chat.ClientID{}
		}
	}
	return p, nil
}
