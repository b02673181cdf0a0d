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
	read  chat.Read   // how far the reader has come, with spans
	// hidden is what the reader has deleted; readers who have are never remembered.
	hidden chat.Hidden
	// The counts of the conversation's stripe at that moment.
	drops, buried uint64
	shared        bool // above the small tier: pages and readers are worth keeping
}

// sees reports whether the reader may see a seq as of the head: an entry that is read after that may have been edited behind it, and behind
// the end of the membership.
func (st *sight) sees(seq chat.Seq) bool {
	return seq <= st.head.Seq && slices.ContainsFunc(st.spans, func(s chat.Span) bool { return s.Contains(seq) })
}

// view is what somebody looks at: a conversation as a reader, with or without its entries.
type view struct {
	conversation chat.ConversationID
	reader       chat.UserID
	entries      bool
}

// openKey names the read of a conversation's end, as of nothing having been let go since.
type openKey struct {
	conversation chat.ConversationID
	drops        uint64
	entries      bool
}

// opened is the end of a conversation as it was read from the log, no earlier than when Tail was at asOf.
type opened struct {
	head chat.Head
	asOf chat.Position
}

// sight looks at a conversation. ok is false where the ring is of no help: it does not follow, or not fast enough.
func (r *recent) sight(ctx context.Context, v view) (st sight, ok bool, err error) {
	tail := r.feed.Tail()
	for need := tail; ; {
		if !r.await(ctx, need) {
			return r.blind(v.conversation), false, nil
		}
		var filled bool
		if st, need, filled = r.look(v); need != 0 {
			continue
		}
		if filled {
			return st, true, nil
		}
		// Nothing is held, or what came before the first event is not: many ask for that at once, one reads it.
		k := openKey{v.conversation, st.drops, v.entries}
		o, err := r.opening.Join(ctx, k, func(ctx context.Context) (opened, error) { return r.open(ctx, k) })
		if err != nil {
			return sight{}, false, err
		}
		if st, need, _ = r.look(v); need == 0 && st.head.Exists() {
			return st, true, nil
		}
		if need != 0 {
			continue
		}
		if o.asOf >= tail {
			st.head, st.shared = o.head, o.head.Tier > chat.TierSmall
			return st, true, nil
		}
		return r.blind(v.conversation), false, nil
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
func (r *recent) look(v view) (st sight, need chat.Position, filled bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	i := stripe(v.conversation)
	st.drops, st.buried = r.drops[i], r.buried[i]
	h := r.held[v.conversation]
	if h == nil {
		return st, 0, false
	}
	if h.ready > r.pos {
		return st, h.ready, false
	}
	r.touch(h)
	st.head, st.ring, st.shared = h.head, h.entries, true
	if who, ok := r.who.get(readerKey{v.conversation, v.reader}); ok {
		st.spans, st.read = []chat.Span{{From: who.from}}, who.read
	}
	return st, 0, h.filled || !v.entries
}

// open reads the end of a conversation and holds it, where it is above the small tier and nothing was let go meanwhile.
func (r *recent) open(ctx context.Context, k openKey) (opened, error) {
	id := k.conversation
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
	var page []chat.Entry
	if k.entries {
		r.metrics.readEntries.Inc()
		page, err = r.log.Range(ctx, Range{
			Conversation: id, From: 1, To: head.Seq, Limit: chat.MaxRangeEntries, MaxBytes: r.each / 2, Backward: true,
		})
		if err != nil {
			return opened{}, err //nolint:wrapcheck // a port answers in our own errors
		}
	}
	ready := r.feed.Tail() // whatever the head stands for lies before it
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.drops[stripe(id)] != k.drops || !r.on {
		return o, nil
	}
	h := r.held[id]
	if h == nil {
		h = &held{id: id, head: head, ready: ready}
		r.keep(h)
	}
	before := h.bytes
	h.extend(page, r.each)
	h.filled = h.filled || k.entries
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
	page, err := r.reading.Join(ctx, k, func(ctx context.Context) ([]chat.Entry, error) {
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

// ask says that a reader is about to be read from the directory; what comes of it is said to answer.
func (r *recent) ask(k readerKey) uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.on {
		return 0
	}
	return r.who.ask(k)
}

// answer tells what the directory says of a reader; the zero Part where it says nothing.
func (r *recent) answer(k readerKey, asked uint64, p Part) {
	if asked == 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.who.answer(k, asked, p)
}
