package message

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/gather"
)

// Feed is the port that the ring of recent entries is fed from: the events of the log, as of the queue package.
//
//   - FED-1 Follow hands over every committed event from a position on, at least once, in order, with the position behind
//     them, as the rules EVT-1 to EVT-4 say. The run is borrowed until handle returns; entries in it may be kept.
//   - FED-2 Whatever anybody was told of the log, by an answer, a read or a delivery, lies at or before Tail at any later moment.
type Feed interface {
	Follow(ctx context.Context, from chat.Position, handle func(ctx context.Context, events []chat.Event, pos chat.Position) error) error
	// Tail never blocks.
	Tail() chat.Position
}

const (
	// recentRetry is how long the ring waits before it follows again.
	recentRetry = 250 * time.Millisecond
	// recentPatience is how long a pull waits for the ring to see what is committed; then it reads the log.
	recentPatience = 20 * time.Millisecond
	// recentStripes: what happens to a conversation is counted per stripe, to tell whether something did during a read.
	recentStripes = 256
	// heldWeight is what a conversation takes besides its entries.
	heldWeight = 512
)

// recent holds heads and newest entries of conversations above the small tier, and who reads them: content on pull and what a
// heartbeat tells come from memory, so that a million pulls of a page cost a handful of reads of the log.
//
// What it holds is the log as of pos, a position in the events; what was read from the log itself is ahead of that, and is
// not used before pos has come to where it was read (ready). A pull begins with [Feed.Tail] and is served only once pos is
// there: so it sees all that anybody was told of before, and the removal of its reader first of all (I6, I13). Head, reader and
// entries are taken in one hold of the lock: they are of one moment. A reader who is not known is read after that, as
// a pull without a ring does: who is removed in between reads nothing behind the removal, since the page ends at the head.
//
// Content that goes without an event, by [Service.Tombstone], is dropped from here before that returns, and does not come back
// with events that were on their way.
type recent struct {
	// immutable after construction
	feed    Feed
	log     Log
	most    int // bytes of all
	each    int // bytes of one conversation
	metrics *metrics
	logger  *slog.Logger
	opening *gather.Flights[openKey, opened]
	reading *gather.Flights[pageKey, []chat.Entry]

	// guarded by mu
	mu    sync.Mutex
	on    bool // following
	pos   chat.Position
	moved chan struct{} // closed when pos moves; nil while nobody waits
	held  map[chat.ConversationID]*held
	use   held // use.newer is the last one in the order of use, use.older the first to go
	bytes int
	who   *readers
	pages *pageCache
	// By stripe: drops counts conversations that were let go, buried those whose content changed without an event. Events up to
	// graves may still have the content that is buried.
	drops, buried [recentStripes]uint64
	graves        [recentStripes]chat.Position
}

func newRecent(cfg Config, feed Feed, log Log, m *metrics, logger *slog.Logger) *recent {
	r := &recent{
		feed: feed, log: log, most: cfg.RecentBytes, each: min(cfg.RecentConversationBytes, cfg.RecentBytes/2), metrics: m, logger: logger,
		opening: gather.NewFlights[openKey, opened](), reading: gather.NewFlights[pageKey, []chat.Entry](),
		held: make(map[chat.ConversationID]*held),
		who:  newReaders(cfg.RecentMembers), pages: newPageCache(cfg.RecentBytes / 4),
	}
	r.use.newer, r.use.older = &r.use, &r.use
	return r
}

func stripe(id chat.ConversationID) int { return int(uint64(id) * 0x9E3779B97F4A7C15 >> 56) }

// run follows the events until ctx ends. After an error it begins anew, with nothing.
func (r *recent) run(ctx context.Context) {
	for ctx.Err() == nil {
		from := r.feed.Tail()
		r.begin(from)
		err := r.feed.Follow(ctx, from, r.handle)
		r.end()
		if ctx.Err() != nil {
			return
		}
		r.logger.Debug("recent entries start again", "error", err)
		t := time.NewTimer(recentRetry)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
		}
	}
}

func (r *recent) begin(from chat.Position) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.on = true
	r.move(from)
}

// end lets go of everything: events may be missed from now on.
func (r *recent) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.on = false
	clear(r.held)
	r.use.newer, r.use.older = &r.use, &r.use
	r.bytes = 0
	r.who.clear()
	r.pages.clear()
	for i := range recentStripes {
		r.drops[i]++
		r.buried[i]++
	}
	r.move(r.pos)
}

// move must be called with mu held.
func (r *recent) move(pos chat.Position) {
	r.pos = pos
	if r.moved != nil {
		close(r.moved)
		r.moved = nil
	}
}

func (r *recent) handle(_ context.Context, events []chat.Event, pos chat.Position) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range events {
		ev := &events[i]
		if ev.Entry != nil {
			r.note(ev.Entry, ev.Head)
		}
		if ev.Reader != 0 {
			r.who.move(readerKey{ev.Head.Conversation, ev.Reader}, ev.Read)
		}
	}
	r.move(pos)
	return nil
}

// note takes an entry in. The caller holds mu.
func (r *recent) note(e *chat.Entry, head chat.Head) {
	id := e.Conversation
	for _, u := range usersOf(e.Body) {
		r.who.drop(readerKey{id, u})
	}
	h := r.held[id]
	if amended := e.Amends(); amended != nil {
		r.amend(h, e, amended)
	}
	switch {
	case head.Tier <= chat.TierSmall:
		if h != nil {
			r.drop(h)
		}
		return
	case h == nil && r.pos < r.graves[stripe(id)]:
		return
	case h == nil:
		h = &held{id: id, head: chat.Head{Conversation: id, Seq: e.Seq - 1}}
		r.keep(h)
	}
	before := h.bytes
	if !h.follow(e, head, r.each) {
		r.drop(h)
		return
	}
	r.bytes += h.bytes - before
	r.touch(h)
	r.shrink()
}

// amend has what is held show what an entry makes of earlier ones. What is being read just now may not have it yet, and is not kept. The
// caller holds mu.
func (r *recent) amend(h *held, by *chat.Entry, amended []chat.Seq) {
	id := by.Conversation
	r.pages.forget(id)
	r.drops[stripe(id)]++
	r.buried[stripe(id)]++
	if h == nil {
		return
	}
	before := h.bytes
	h.amend(by, amended)
	r.bytes += h.bytes - before
}

// keep, drop, touch and shrink must be called with mu held.
func (r *recent) keep(h *held) {
	r.held[h.id] = h
	r.bytes += h.bytes + heldWeight
	h.newer, h.older = h, h
	r.touch(h)
}

func (r *recent) drop(h *held) {
	delete(r.held, h.id)
	r.bytes -= h.bytes + heldWeight
	h.newer.older, h.older.newer = h.older, h.newer
	r.drops[stripe(h.id)]++
}

func (r *recent) touch(h *held) {
	h.newer.older, h.older.newer = h.older, h.newer
	h.newer, h.older = &r.use, r.use.older
	h.newer.older, h.older.newer = h, h
}

// shrink lets go of the conversations that were used least recently; the last one stays.
func (r *recent) shrink() {
	for r.bytes > r.most && len(r.held) > 1 {
		r.drop(r.use.newer)
	}
}

// forget lets go of a conversation whose entries changed without an event. What was changed is durable.
func (r *recent) forget(id chat.ConversationID) {
	tail := r.feed.Tail() // events that are on their way still carry what was there before
	r.mu.Lock()
	defer r.mu.Unlock()
	r.graves[stripe(id)] = max(r.graves[stripe(id)], tail)
	if h := r.held[id]; h != nil {
		r.drop(h)
	}
	r.pages.forget(id)
	r.drops[stripe(id)]++ // also where nothing was held: a read may be under way
	r.buried[stripe(id)]++
}

// await waits for a moment until pos is at need. It reports false where that takes too long.
func (r *recent) await(ctx context.Context, need chat.Position) bool {
	var timeout <-chan time.Time
	for {
		r.mu.Lock()
		if r.pos >= need || !r.on {
			on := r.on
			r.mu.Unlock()
			return on
		}
		if r.moved == nil {
			r.moved = make(chan struct{})
		}
		moved := r.moved
		r.mu.Unlock()
		if timeout == nil {
			t := time.NewTimer(recentPatience)
			defer t.Stop()
			timeout = t.C
		}
		select {
		case <-moved:
		case <-timeout:
			return false
		case <-ctx.Done():
			return false
		}
	}
}
