package client

import (
	"context"
	"slices"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// Span is a range of seqs, both ends included.
type Span struct{ From, To uint64 }

// EntriesHidden tells that the user has deleted entries of a conversation for oneself, on this device or another: all that is deleted now. What was
// told of them is not to be shown any more.
type EntriesHidden struct {
	Conversation ConversationID
	Spans        []Span
}

func (EntriesHidden) event() {}

// Hide deletes entries for the user alone, on all devices; it may be repeated. EntriesHidden follows.
func (c *Client) Hide(ctx context.Context, conv ConversationID, spans ...Span) error {
	req := &throngv1.HideEntriesRequest{Conversation: uint64(conv)}
	for _, s := range spans {
		req.Spans = append(req.Spans, &throngv1.Span{From: s.From, To: s.To})
	}
	resp, err := c.api.Receipts.HideEntries(ctx, connect.NewRequest(req))
	if err != nil {
		return err
	}
	c.locked(func() { c.settle(conv, resp.Msg.GetSettings()) })
	return nil
}

// hides takes what the user has deleted.
func (c *Client) hides(cv *conversation, list []*throngv1.HiddenSpan) {
	if slices.EqualFunc(list, cv.hidden, func(a, b *throngv1.HiddenSpan) bool { return proto.Equal(a, b) }) {
		return
	}
	c.change(cv, func() { cv.hidden = list })
	if cv.window != nil {
		cv.window = slices.DeleteFunc(slices.Clone(cv.window), func(e *throngv1.Entry) bool { return cv.hid(e.GetSeq()) })
	}
	if cv.view.Last != nil && cv.hid(cv.view.Last.GetSeq()) {
		cv.view.Last = nil
	}
	spans := make([]Span, len(list))
	for i, s := range list {
		spans[i] = Span{s.GetFrom(), s.GetTo()}
	}
	c.events.push(EntriesHidden{Conversation: cv.view.ID, Spans: spans})
}

// hid reports whether the user has deleted an entry; of what amends one, that one counts, too.
func (cv *conversation) hid(seqs ...uint64) bool {
	return slices.ContainsFunc(cv.hidden, func(s *throngv1.HiddenSpan) bool {
		return slices.ContainsFunc(seqs, func(seq uint64) bool { return s.GetFrom() <= seq && seq <= s.GetTo() })
	})
}

// uncounted is how many of the deleted entries count as nothing unread.
func (cv *conversation) uncounted() (n uint64) {
	for _, s := range cv.hidden {
		from, to := max(s.GetBeforeOrdinal(), cv.readOrdinal), min(s.GetLastOrdinal(), cv.headOrdinal)
		if to <= from {
			continue
		}
		n += to - from
		for _, ordinal := range cv.recalled {
			if ordinal > from && ordinal <= to {
				n--
			}
		}
	}
	return n
}
