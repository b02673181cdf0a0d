package message

import (
	"context"
	"slices"

	"github.com/throng-im/throng/internal/chat"
)

// sight is what a pull works on: the end of the conversation as of one moment not before the pull began, and what of it
// stands in memory.
type sight struct {
	head  chat.Head
	ring  ring
	spans []chat.Span // of the reader; nil where they have to be read
	// The counts of the conversation's stripe at that moment.
	moves, drops, buried uint64
	shared               bool // above the small tier: pages and spans are worth keeping
}

// openKey names the read of a conversation's end, as of nothing having been let go since.
type openKey struct {
	conversation chat.ConversationID
	drops        uint64
}

// opened is the end of a conversation as it was read from the log, no earlier than when Tail was at asOf.
type opened struct {
	head chat.Head
	asOf chat.Position
}

// sight looks at a conversation. ok is false where the ring is of no help: it does not follow, or not fast enough.
func (r *recent) sight(ctx context.Context, id chat.ConversationID, reader chat.UserID) (st sight, ok bool, err error) {
	tail := r.feed.Tail()
	for need := tail; ; {
		if !r.await(ctx, need) {
			return r.blind(id), false, nil
		}
		var filled bool
		if st, need, filled = r.look(id, reader); need != 0 {
			continue
		}
		if filled {
			return st, true, nil
		}
		// Nothing is held, or what came before the first event is not: many ask for that at once, one reads it.
		o, err := r.opening.do(ctx, openKey{id, st.drops}, func(ctx context.Context) (opened, error) { return r.open(ctx, id, st.drops) })
		if err != nil {
			return sight{}, false, err
		}
		if st, need, _ = r.look(id, reader); need == 0 && st.head.Exists() {
			return st, true, nil
		}
		if need != 0 {
			continue
		}
		if o.asOf >= tail {
			st.head, st.shared = o.head, o.head.Tier > chat.TierSmall
			return st, true, nil
		}
		return r.blind(id), false, nil
	}
}

// blind is the sight of who has to read the log.
func (r *recent) blind(id chat.ConversationID) sight {
	r.mu.Lock()
	defer r.mu.Unlock()
	return sight{buried: r.buried[stripe(id)]}
}

// look takes what is held. need is a position to wait for first, 0 where there is nothing to wait for; filled reports that
// there is no use in reading the log.
func (r *recent) look(id chat.ConversationID, reader chat.UserID) (st sight, need chat.Position, filled bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	i := stripe(id)
	st.moves, st.drops, st.buried = r.moves[i], r.drops[i], r.buried[i]
	h := r.held[id]
	if h == nil {
		return st, 0, false
	}
	if h.ready > r.pos {
		return st, h.ready, false
	}
	r.touch(h)
	st.head, st.ring, st.shared = h.head, h.entries, true
	if from, ok := r.spans.get(spanKey{id, reader}); ok {
		st.spans = []chat.Span{{From: from}}
	}
	return st, 0, h.filled
}

// open reads the end of a conversation and holds it, where it is above the small tier and nothing was let go meanwhile.
func (r *recent) open(ctx context.Context, id chat.ConversationID, drops uint64) (opened, error) {
	asOf := r.feed.Tail()
	r.metrics.readHead.Inc()
	heads, err := r.log.Heads(ctx, []chat.ConversationID{id})
	if err != nil {
		return opened{}, err //nolint:wrapcheck // a port answers in our own errors
	}
	head := heads[0]
	o := opened{head: head, asOf: asOf}
	if head.Tier <= chat.TierSmall {
		return o, nil
	}
	r.metrics.readEntries.Inc()
	page, err := r.log.Range(ctx, Range{
		Conversation: id, From: 1, To: head.Seq, Limit: chat.MaxRangeEntries, MaxBytes: r.each / 2, Backward: true,
	})
	if err != nil {
		return opened{}, err //nolint:wrapcheck // a port answers in our own errors
	}
	ready := r.feed.Tail() // whatever the head stands for lies before it
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.drops[stripe(id)] != drops || !r.on {
		return o, nil
	}
	h := r.held[id]
	if h == nil {
		h = &held{id: id, head: head, ready: ready}
		r.keep(h)
	}
	before := h.bytes
	h.extend(page, r.each)
	h.filled = true
	r.bytes += h.bytes - before
	r.shrink()
	return o, nil
}

// entries reads a run of a conversation: from the ring, from a page that was read before, or from the log. The entries
// belong to the caller. The run ends at or before the sight's head.
func (r *recent) entries(ctx context.Context, st sight, q Range) ([]chat.Entry, error) {
	k := pageOf(q, st.buried)
	if out, ok := st.ring.cut(k.from, k.to); ok {
		r.metrics.fromRing.Inc()
		return out, nil
	}
	if st.shared {
		r.mu.Lock()
		page, ok := r.pages.get(k)
		r.mu.Unlock()
		if ok {
			r.metrics.fromPage.Inc()
			return slices.Clone(page), nil
		}
	}
	r.metrics.fromLog.Inc()
	page, err := r.reading.do(ctx, k, func(ctx context.Context) ([]chat.Entry, error) {
		r.metrics.readEntries.Inc()
		page, err := r.log.Range(ctx, k.query())
		if err != nil {
			return nil, err //nolint:wrapcheck // a port answers in our own errors
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		if st.shared && r.on && r.buried[stripe(q.Conversation)] == k.buried {
			r.pages.put(k, page)
		}
		return page, nil
	})
	if err != nil {
		return nil, err
	}
	return slices.Clone(page), nil
}

// learn remembers a reader's span that was read from the directory, unless members changed since the sight was taken.
func (r *recent) learn(id chat.ConversationID, reader chat.UserID, st sight) {
	if !st.shared || len(st.spans) != 1 || st.spans[0].To != 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.on && r.moves[stripe(id)] == st.moves {
		r.spans.put(spanKey{id, reader}, st.spans[0].From)
	}
}
