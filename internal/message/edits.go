package message

import (
	"context"

	"github.com/throng-im/throng/internal/chat"
)

// asOf returns an edited message as it was for a reader who may not see its last edit: one who left before it.
func (s *Service) asOf(ctx context.Context, st sight, e chat.Entry) (chat.Entry, error) {
	by, err := s.one(ctx, st, e.Needs(st.sees))
	if err != nil {
		return chat.Entry{}, err
	}
	return chat.AsOf(e, by, st.sees), nil
}

// one reads an entry of a conversation whose reader is known. It may lie behind the end of what the reader sees, as an edit does that says
// what was there before it.
func (s *Service) one(ctx context.Context, st sight, seq chat.Seq) (*chat.Entry, error) {
	q := Range{Conversation: st.head.Conversation, From: seq, To: seq, Limit: 1}
	read := s.entries
	if seq > st.head.Seq {
		read = func(ctx context.Context, _ sight, q Range) ([]chat.Entry, error) {
			s.metrics.readEntries.Inc()
			return s.log.Range(ctx, q) //nolint:wrapcheck // a port answers in our own errors
		}
	}
	found, err := read(ctx, st, q)
	if err != nil {
		return nil, err
	}
	if len(found) != 1 {
		return nil, chat.Errorf(chat.CodeInternal, chat.ReasonInternal, "an entry below the head is missing; run throng check")
	}
	return &found[0], nil
}

// EditsQuery asks for what a message said, as one reader may know it.
type EditsQuery struct {
	Reader       chat.UserID // 0 is the server, which sees everything
	Conversation chat.ConversationID
	Seq          chat.Seq
	// Before leaves out what this entry and later ones made of it; 0 is nothing.
	Before chat.Seq
}

// Edits reads the versions of a message, the first one first: the newest ones that fit into a page, at least one; more reports that there
// are older ones. Who may read the message may read what it said before, up to the end of the own membership. Of one that has gone there is
// nothing left.
func (s *Service) Edits(ctx context.Context, q EditsQuery) (versions []chat.Version, more bool, err error) {
	if q.Conversation == 0 || q.Conversation > chat.MaxID {
		return nil, false, chat.Errorf(chat.CodeInvalid, chat.ReasonIDInvalid, "an id is a number from 1 to %d", uint64(chat.MaxID))
	}
	st, err := s.sight(ctx, view{conversation: q.Conversation, reader: q.Reader, entries: true})
	if err != nil {
		return nil, false, err
	}
	if q.Seq == 0 || q.Seq > st.head.Seq || !st.sees(q.Seq) || st.hidden.Contains(q.Seq) {
		return nil, false, errNoMessage()
	}
	e, err := s.one(ctx, st, q.Seq)
	if err != nil {
		return nil, false, err
	}
	if _, gone := e.Body.(chat.Tombstone); gone {
		return nil, false, errMessageGone()
	}
	if !chat.Content(e.Body) {
		return nil, false, errNoMessage()
	}
	return s.versions(ctx, st, e, q.Before)
}

// versions reads the edits of a message, the last one first, until a page is full.
func (s *Service) versions(ctx context.Context, st sight, e *chat.Entry, before chat.Seq) (versions []chat.Version, more bool, err error) {
	wanted := func(seq chat.Seq) bool { return before == 0 || seq < before }
	if e.Edited == nil {
		if wanted(e.Seq) {
			versions = chat.Versions(e, nil)
		}
		return versions, false, nil
	}
	var newest []chat.Version
	size := 0
	take := func(v chat.Version) bool {
		if size += chat.WireBytes(v.Body); size > chat.MaxRangeBytes && len(newest) > 0 {
			return false
		}
		newest = append(newest, v)
		return true
	}
	for i := len(e.Edited.Seqs) - 1; i >= 0; i-- {
		seq := e.Edited.Seqs[i]
		if i > 0 && (!wanted(seq) || !st.sees(seq)) {
			continue
		}
		by, err := s.one(ctx, st, seq)
		if err != nil {
			return nil, false, err
		}
		has := chat.Versions(e, []chat.Entry{*by})
		for j := len(has) - 1; j >= 0; j-- {
			if v := has[j]; !wanted(v.Seq) || !st.sees(v.Seq) {
				continue
			} else if !take(v) {
				reverse(newest)
				return newest, true, nil
			}
		}
	}
	reverse(newest)
	return newest, false, nil
}
