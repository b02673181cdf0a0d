package message

import (
	"context"
	"time"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/trace"
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
	st, err := s.sight(ctx, view{conversation: q.Conversation, reader: q.Reader, entries: true})
	if err != nil {
		return Page{}, err
	}
	if st.head, err = s.capHead(ctx, st); err != nil {
		return Page{}, err
	}
	if !s.trace.On() || q.Reader == 0 {
		return s.page(ctx, q, st)
	}
	begin := time.Now()
	p, err := s.page(ctx, q, st)
	if n := len(p.Entries); n > 0 {
		step := trace.Step{
			Kind: trace.Pull, Conversation: uint64(q.Conversation), Seq: uint64(p.Entries[0].Seq), Until: uint64(p.Entries[n-1].Seq),
			User: uint64(q.Reader), Counts: [4]uint32{uint32(n)},
		}
		step.Begun(begin)
		s.trace.Add(step)
	}
	return p, err
}

// sight finds the head and the reader. The head is read before the reader, or together with it: who is removed in between
// reads nothing behind the removal, since what is shown ends at a head from before it.
func (s *Service) sight(ctx context.Context, v view) (st sight, err error) {
	known := false
	if s.recent != nil {
		if st, known, err = s.recent.sight(ctx, v); err != nil {
			return st, err
		}
	}
	if !known {
		s.metrics.readHead.Inc()
		if st.head, err = s.Head(ctx, v.conversation); err != nil {
			return st, err
		}
	}
	if !st.head.Exists() {
		return st, errNotFound()
	}
	if v.reader == 0 {
		st.spans = []chat.Span{{From: 1}}
	}
	k := readerKey{v.conversation, v.reader}
	if known, ok := s.stands.Get(k); ok && known.changed == st.head.MemberSeq && v.entries && st.spans == nil {
		st.spans = []chat.Span{{From: known.from}}
	}
	if st.spans != nil {
		return st, nil
	}
	unseen := s.unseen.Load()
	p, err := s.reader(ctx, k, st.shared)
	if err != nil {
		return st, err
	}
	if len(p.Spans) == 0 {
		return st, errNotFound()
	}
	st.spans, st.read, st.hidden = p.Spans, p.Read, p.Hidden
	if len(p.Spans) == 1 && p.Spans[0].To == 0 && p.Hidden == "" && unseen == s.unseen.Load() {
		s.stands.Put(k, stand{changed: st.head.MemberSeq, from: p.Spans[0].From})
	}
	if mutant == mutantReadPastRemoval {
		st.spans = []chat.Span{{From: p.First()}}
	}
	return st, nil
}

// reader reads from the directory who reads. With keep it is remembered.
func (s *Service) reader(ctx context.Context, k readerKey, keep bool) (p Part, err error) {
	if keep {
		asked := s.recent.ask(k)
		defer func() { s.recent.answer(k, asked, p) }()
	}
	s.metrics.readMember.Inc()
	return s.members.Part(ctx, k.conversation, k.user) //nolint:wrapcheck // a port answers in our own errors
}

// Standing is where a user stands in a conversation.
type Standing struct {
	Head chat.Head
	Part Part
}

// Standings tells where a user stands in conversations, in order; each as of a moment not before the call. It is zero where the
// user is no member. It is made for conversations above the small tier: of those it reads the log once.
func (s *Service) Standings(ctx context.Context, user chat.UserID, ids []chat.ConversationID) ([]Standing, error) {
	out := make([]Standing, len(ids))
	for i, id := range ids {
		st, err := s.sight(ctx, view{conversation: id, reader: user})
		if err != nil {
			if chat.AsError(err).Code == chat.CodeNotFound {
				continue
			}
			return nil, err
		}
		part := Part{Member: chat.Member{User: user, Spans: st.spans, Hidden: st.hidden}, Read: st.read}
		if part.Current() {
			out[i] = Standing{Head: st.head, Part: part}
		}
	}
	return out, nil
}

// entries reads a run of the log for a page; it ends at or before the sight's head. The entries belong to the caller.
func (s *Service) entries(ctx context.Context, st sight, q Range) ([]chat.Entry, error) {
	if s.recent != nil {
		return s.recent.entries(ctx, st, q)
	}
	return s.read(ctx, st, q)
}

// Tombstone removes content as [Log.Tombstone] does. It is the way to do so while pages are read: no page that begins after it
// has returned without an error shows what it removed; on another node of a deployment, none that begins after that was told, or within the
// bound that it keeps its own entries for.
func (s *Service) Tombstone(
	ctx context.Context, id chat.ConversationID, span chat.Span, sender chat.UserID, why chat.TombstoneReason,
) (int, error) {
	n, err := s.log.Tombstone(ctx, id, span, sender, why)
	s.Forget(id) // also after an error: some of it may be gone
	if s.announce != nil {
		s.announce(id)
	}
	if cooled := s.cool(ctx, id); err == nil && cooled != nil {
		err = chat.Wrap(cooled, chat.CodeUnknown, chat.ReasonInDoubt, "the content is gone, but a cache may show it for a while; do it again")
	}
	return n, err //nolint:wrapcheck // a port answers in our own errors
}

// Forget lets go of what is remembered of a conversation's content: some of it has gone without an entry, on this node or another
// one ([WithAnnounce]).
func (s *Service) Forget(id chat.ConversationID) {
	if s.recent != nil {
		s.recent.forget(id)
	}
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

// capHead returns the head as the reader may see it.
func (s *Service) capHead(ctx context.Context, st sight) (chat.Head, error) {
	head, last := st.head, st.spans[len(st.spans)-1].To
	if last == 0 || last >= head.Seq {
		return head, nil
	}
	at, err := s.entries(ctx, st, Range{Conversation: head.Conversation, From: last, To: last, Limit: 1})
	if err != nil {
		return chat.Head{}, err
	}
	if len(at) != 1 {
		return chat.Head{}, chat.Errorf(chat.CodeInternal, chat.ReasonInternal, "an entry below the head is missing; run throng check")
	}
	// How the conversation went on is not for who left.
	return chat.Head{
		Conversation: head.Conversation, Kind: head.Kind, Tier: head.Tier,
		Seq: last, Ordinal: at[0].Ordinal, MemberSeq: last, TimeMS: at[0].TimeMS, Amended: head.Amended,
	}, nil
}

// page walks from one end of the query over the reader's spans, reading what lies in them and naming what lies between.
func (s *Service) page(ctx context.Context, q RangeQuery, st sight) (Page, error) {
	p := Page{Head: st.head}
	to := st.head.Seq
	if q.To != 0 && q.To < to {
		to = q.To
	}
	if q.From > to {
		return p, nil
	}
	w := walk{query: q, spans: st.hidden.Cut(st.spans, to), left: q.Limit, bytes: chat.MaxRangeBytes, from: q.From, to: to}
	read := func(r Range) ([]chat.Entry, error) { return s.entries(ctx, st, r) }
	for w.from <= w.to && w.left > 0 && w.bytes > 0 {
		full, err := w.step(read, &p)
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
	st.withhold(&p)
	for i := range p.Entries {
		e := &p.Entries[i]
		if e.Sender != q.Reader {
			e.ClientID = chat.ClientID{}
		}
		if chat.Shown(e, st.sees) {
			continue
		}
		was, err := s.asOf(ctx, st, *e)
		if err != nil {
			return Page{}, err
		}
		*e = was
	}
	return p, nil
}
