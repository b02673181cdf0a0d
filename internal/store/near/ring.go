package near

import (
	"context"
	"sync"
	"time"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/message"
)

var _ message.Hot = (*Ring)(nil)

const (
	// ringAge is how long an entry is served from here after it came, and how old it may be when it comes. It bounds for how long
	// removed content is shown where nobody told this node that it was.
	ringAge = time.Minute
	// clocks is how far apart the clocks of nodes may be: an entry of before a removal may say that it was committed so much later.
	clocks = 10 * time.Second
	// ringSpan is how far apart the seqs of a conversation's entries may be: one that is further ahead begins anew, one that is further
	// behind is passed over.
	ringSpan = 512
	// closings is how many conversations are remembered whose content was removed lately; with more of them, all count as such.
	closings = 16 << 10
	// lineWeight is what a conversation takes besides its entries, entryWeight an entry besides its content.
	lineWeight, entryWeight = 256, 160
)

// Config bounds a [Ring].
type Config struct {
	// Bytes of all conversations, and of one.
	Bytes, ConversationBytes int
}

// Ring keeps the newest entries of conversations above the small tier that passed through this node, in front of a cache that nodes
// share. It has holes: what another node appended may come after what this one did, or not at all. A run that it has not all of is
// asked of the other cache.
//
// Content that is removed without an entry:
//
//   - on this node: [Ring.Forget] drops the conversation's entries, and takes none in that may have been on their way;
//   - on another one, which tells the others: [Ring.Drop] does the same;
//   - where that word may be lost, the bus says so, and [Ring.Clear] drops all;
//   - whatever else happens, no entry is served for longer than a minute after it came, nor taken in a minute after it was committed.
//
// An entry that amends others ([chat.Amend]) has them amended where they are here, and not taken in where they are not: one that comes late
// says what it said before. An entry that amends may pass elsewhere, so no run is served unless all that came after it is here, up to the one
// that amended last by the head that the pull began with.
//
// Its methods may be called from any goroutine.
type Ring struct {
	// immutable after construction
	cfg     Config
	next    message.Hot
	now     func() time.Time
	metrics *metrics

	// guarded by mu
	mu     sync.Mutex
	lines  map[chat.ConversationID]*line
	use    line // use.newer is the first to go, use.older the last one that was used
	bytes  int
	closed map[chat.ConversationID]time.Time // what was committed before is not taken in
	all    time.Time                         // the same for every conversation
}

// line is what is kept of a conversation: a place for each seq from first on.
type line struct {
	id     chat.ConversationID
	first  chat.Seq
	places []place
	bytes  int
	// amended are entries that were amended before they came.
	amended map[chat.Seq]struct{}

	newer, older *line // in the order of use
}

// place is an entry and until when it is served; a hole has none.
type place struct {
	entry *chat.Entry
	until time.Time
}

// NewRing makes a ring in front of next. Now may be nil.
func NewRing(cfg Config, next message.Hot, now func() time.Time, m *Metrics) *Ring {
	r := &Ring{
		cfg: cfg, next: next, now: now, metrics: m.of(), lines: make(map[chat.ConversationID]*line), closed: make(map[chat.ConversationID]time.Time),
	}
	if now == nil {
		r.now = time.Now
	}
	r.use.newer, r.use.older = &r.use, &r.use
	m.watch(r)
	return r
}

// Note takes an entry in that was committed, with the head behind it. It never blocks for long, and keeps the entry.
func (r *Ring) Note(e *chat.Entry, head chat.Head) {
	if head.Tier <= chat.TierSmall || r.cfg.Bytes == 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	committed := time.UnixMilli(int64(e.TimeMS))
	if now.Sub(committed) > ringAge || !committed.After(r.all) || !committed.After(r.closed[e.Conversation]) {
		return
	}
	l := r.lines[e.Conversation]
	switch {
	case l == nil:
	case e.Seq+ringSpan < l.first+chat.Seq(len(l.places)):
		return
	case e.Seq >= l.first+chat.Seq(len(l.places))+ringSpan:
		r.drop(l)
		l = nil
	}
	if l == nil {
		l = &line{id: e.Conversation, first: e.Seq}
		l.newer, l.older = l, l
		r.lines[l.id] = l
		r.bytes += lineWeight
	}
	r.touch(l)
	r.bytes -= l.bytes
	if amended := e.Amends(); amended != nil && !l.amend(e, amended) {
		r.bytes += l.bytes
		r.drop(l)
		return
	}
	l.put(place{e, now.Add(ringAge)})
	l.trim(now, min(r.cfg.ConversationBytes, r.cfg.Bytes/2))
	r.bytes += l.bytes
	for r.bytes > r.cfg.Bytes && len(r.lines) > 1 {
		r.drop(r.use.newer)
	}
}

// amendedMost is how many entries of a conversation are remembered that were amended before they came.
const amendedMost = 1_024

// amend takes in what an entry makes of others. It reports false where there are too many to be remembered.
func (l *line) amend(by *chat.Entry, amended []chat.Seq) bool {
	for _, seq := range amended {
		if seq >= l.first && seq < l.first+chat.Seq(len(l.places)) && l.places[seq-l.first].entry != nil {
			at := &l.places[seq-l.first]
			l.bytes -= weigh(at.entry)
			now, _ := chat.Amend(*at.entry, by)
			at.entry = &now
			l.bytes += weigh(at.entry)
			continue
		}
		if l.amended == nil {
			l.amended = make(map[chat.Seq]struct{})
		}
		l.amended[seq] = struct{}{}
	}
	return len(l.amended) <= amendedMost
}

// put keeps an entry at its place, unless one is there.
func (l *line) put(p place) {
	seq := p.entry.Seq
	if _, late := l.amended[seq]; late {
		return
	}
	if seq < l.first { // it was overtaken
		l.places = append(make([]place, l.first-seq, int(l.first-seq)+len(l.places)), l.places...)
		l.first = seq
	}
	for l.first+chat.Seq(len(l.places)) <= seq {
		l.places = append(l.places, place{})
	}
	if at := &l.places[seq-l.first]; at.entry == nil {
		*at = p
		l.bytes += weigh(p.entry)
	}
}

// trim drops the oldest entries, those that are not served any more and what is too much; the newest one stays.
func (l *line) trim(now time.Time, most int) {
	n := 0
	for n < len(l.places)-1 && (l.places[n].entry == nil || l.bytes > most || len(l.places)-n > ringSpan || now.After(l.places[n].until)) {
		if e := l.places[n].entry; e != nil {
			l.bytes -= weigh(e)
			l.places[n] = place{}
		}
		n++
	}
	l.places, l.first = l.places[n:], l.first+chat.Seq(n)
}

// weigh is about what an entry takes in memory.
func weigh(e *chat.Entry) int { return entryWeight + e.WireBytes() }

// drop and touch must be called with mu held.
func (r *Ring) drop(l *line) {
	delete(r.lines, l.id)
	r.bytes -= l.bytes + lineWeight
	l.newer.older, l.older.newer = l.older, l.newer
}

func (r *Ring) touch(l *line) {
	l.newer.older, l.older.newer = l.older, l.newer
	l.newer, l.older = &r.use, r.use.older
	l.newer.older, l.older.newer = l, l
}

// cut returns copies of a run, where all of it is here.
func (r *Ring) cut(id chat.ConversationID, from, to, amended chat.Seq) ([]chat.Entry, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	l := r.lines[id]
	if l == nil || from < l.first || to < from || to >= l.first+chat.Seq(len(l.places)) {
		return nil, false
	}
	now := r.now()
	out := make([]chat.Entry, 0, to-from+1)
	for _, p := range l.places[from-l.first:][:to-from+1] {
		if p.entry == nil || now.After(p.until) {
			return nil, false
		}
		out = append(out, *p.entry)
	}
	for seq := to + 1; seq <= amended; seq++ {
		if seq >= l.first+chat.Seq(len(l.places)) || l.places[seq-l.first].entry == nil {
			return nil, false
		}
	}
	r.touch(l)
	return out, true
}

// Get implements [message.Hot]. Where there is every entry from the first one wanted to the one that amended last, whatever amended one of
// them has come, and they show it.
func (r *Ring) Get(ctx context.Context, id chat.ConversationID, from, to, amended chat.Seq) ([]chat.Entry, bool) {
	if out, ok := r.cut(id, from, to, amended); ok {
		r.metrics.hits.Inc()
		return out, true
	}
	r.metrics.misses.Inc()
	return r.next.Get(ctx, id, from, to, amended)
}

// Put implements [message.Hot]: it is for the cache that nodes share. What passes through here is noted anyway.
func (r *Ring) Put(ctx context.Context, entries ...*chat.Entry) { r.next.Put(ctx, entries...) }

// Forget implements [message.Hot].
func (r *Ring) Forget(ctx context.Context, id chat.ConversationID, upTo chat.Seq) error {
	r.Drop(id)
	return r.next.Forget(ctx, id, upTo) //nolint:wrapcheck // a port answers in our own errors
}

// Drop lets go of a conversation of whose content some was removed, wherever that was done.
func (r *Ring) Drop(id chat.ConversationID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.metrics.dropped.Inc()
	if l := r.lines[id]; l != nil {
		r.drop(l)
	}
	now := r.now()
	until := now.Add(clocks)
	if len(r.closed) >= closings {
		for old, at := range r.closed {
			if now.Sub(at) > ringAge { // nothing from before it would be taken in anyway
				delete(r.closed, old)
			}
		}
		if len(r.closed) >= closings {
			clear(r.closed)
			r.all = until
		}
	}
	r.closed[id] = until
}

// Clear lets go of everything: this node may not have heard what was removed.
func (r *Ring) Clear() {
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.lines)
	r.use.newer, r.use.older = &r.use, &r.use
	r.bytes = 0
	r.all = r.now().Add(clocks)
}
