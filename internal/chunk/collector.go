package chunk

import (
	"container/heap"
	"time"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/wire"
)

const (
	// window is how long an entry may wait for others (DLV-21).
	window = time.Second
	// maxHeld is how many bytes of a conversation wait to become a round before they do, whatever the window says: half of
	// what a frame may have.
	maxHeld = 512 << 10
	// maxFlight is how many bytes of a conversation's rounds may be under way, and maxRounds how many rounds; what comes on top
	// is given up, and devices pull it.
	maxFlight = 2 << 20
	maxRounds = 64
	// maxGroups is how many conversations are told apart; entries of others go out at once, each by itself.
	maxGroups = 4_096
	// entryFloor is what an entry that is told as a hint counts for.
	entryFloor = 64
)

// Collector gathers the entries of large conversations into rounds. Time is any clock that never jumps. It is not safe for
// concurrent use; nothing in it blocks.
type Collector struct {
	// immutable after construction
	enc *Encoder

	groups map[chat.ConversationID]*group
	queue  queue // groups by what is due next
	ready  []*Round
}

// group is what is under way of one conversation. It is forgotten when nothing is.
type group struct {
	id     chat.ConversationID
	chunks []*Chunk      // closed; all but the last one while it is open
	open   bool          // the last chunk takes more
	bytes  int           // of chunks
	head   chat.Head     // of the newest entry
	since  time.Duration // when the oldest entry that waits came

	flight   int           // bytes of rounds under way
	rounds   []*Round      // under way, in order
	lost     bool          // entries were given up behind the last round
	earliest time.Duration // when the next round may begin, if none is under way
	batching batching
	pace     Pace

	due   time.Duration
	place int // in the queue
}

// NewCollector makes one.
func NewCollector(enc *Encoder) *Collector {
	return &Collector{enc: enc, groups: make(map[chat.ConversationID]*group)}
}

// Pace is what a conversation is held to.
type Pace struct {
	// SendWait is how long who sends there has to expect to wait between two messages; it is told when something else is.
	SendWait time.Duration
	// Apart is how far apart rounds begin, a second at most; 0: one follows on the other.
	Apart time.Duration
}

// Add takes an entry of a large conversation. Some may be missing; one that comes behind a later one is passed over, since a round is
// judged by its first.
func (c *Collector) Add(now time.Duration, e *chat.Entry, h chat.Head, pace Pace) {
	if e.Edited.Last() > h.Seq {
		e = stub(e)
	}
	g := c.groups[e.Conversation]
	if g == nil {
		if len(c.groups) >= maxGroups {
			c.ready = append(c.ready, &Round{
				Conversation: e.Conversation, Head: h, enc: c.enc, since: now, Chunks: []*Chunk{{Entries: []*chat.Entry{e}}},
			})
			return
		}
		g = &group{id: e.Conversation}
		c.groups[g.id] = g
		heap.Push(&c.queue, g)
	}
	if e.Seq <= g.head.Seq {
		return
	}
	g.pace = pace
	g.add(now, e, h)
	if g.bytes > maxHeld {
		c.begin(now, g)
	}
	c.settle(now, g)
}

// add puts an entry into the group's open chunk, or begins another one.
func (g *group) add(now time.Duration, e *chat.Entry, h chat.Head) {
	n := entryFloor
	if !large(e) {
		n = wire.ChunkBytes(e)
	}
	var last *Chunk
	if g.open {
		last = g.chunks[len(g.chunks)-1]
	}
	if last == nil || len(last.Entries) >= chat.MaxChunkEntries || last.bytes+n > chat.MaxChunkBytes {
		if len(g.chunks) == 0 {
			g.since = now
		}
		last = &Chunk{}
		g.chunks = append(g.chunks, last)
	}
	last.Entries = append(last.Entries, e)
	last.bytes += n
	g.bytes += n
	g.head = h
	g.open = !moves(e) || mutant == mutantUncut
}

// moves reports that an entry changes who is a member: the chunk ends with it.
func moves(e *chat.Entry) bool {
	switch b := e.Body.(type) {
	case chat.Created, chat.Dissolved:
		return true
	case chat.MembersChanged:
		return b.Action == chat.MemberAdded || b.Action == chat.MemberJoined || b.Action == chat.MemberLeft || b.Action == chat.MemberRemoved
	default:
		return false
	}
}

// Cut begins a round with all that waits of a conversation: something that is delivered in another way follows.
func (c *Collector) Cut(now time.Duration, id chat.ConversationID) {
	if g := c.groups[id]; g != nil && len(g.chunks) > 0 {
		c.begin(now, g)
		c.settle(now, g)
	}
}

// Done tells that a round has reached all of its receivers.
func (c *Collector) Done(now time.Duration, r *Round) {
	g := c.groups[r.Conversation]
	if !r.tracked || g == nil {
		return
	}
	for i, other := range g.rounds {
		if other == r {
			g.rounds = append(g.rounds[:i], g.rounds[i+1:]...)
			g.flight -= r.size()
			break
		}
	}
	c.settle(now, g)
}

// Tick lets time pass.
func (c *Collector) Tick(now time.Duration) {
	for len(c.queue) > 0 && c.queue[0].due <= now {
		c.settle(now, c.queue[0])
	}
}

// Due is when Tick has something to do; ok is false where there is nothing.
func (c *Collector) Due() (at time.Duration, ok bool) {
	if len(c.queue) == 0 || c.queue[0].due == never {
		return 0, false
	}
	return c.queue[0].due, true
}

// Take returns the rounds that begin now, those of a conversation in order. Of each that Done is not called for the next ones wait.
func (c *Collector) Take() []*Round {
	out := c.ready
	c.ready = nil
	return out
}

// Notice is how a conversation is delivered at present: for those who begin to look.
func (c *Collector) Notice(id chat.ConversationID) Notice {
	if g := c.groups[id]; g != nil {
		return g.batching.told
	}
	return Notice{}
}

// Len is how many conversations are under way.
func (c *Collector) Len() int { return len(c.groups) }

// settle begins a round where it is time, notes when to look again, and forgets a group that is at rest.
func (c *Collector) settle(now time.Duration, g *group) {
	free := len(g.rounds) == 0 && now >= g.earliest
	switch {
	case len(g.chunks) > 0 && (free || now >= g.since+window):
		c.begin(now, g)
	case g.lost && free:
		c.send(g, nil) // a hint: nothing else may follow for long
	default:
		if n := g.batching.next(now, g.pace.SendWait); n != nil {
			c.send(g, n)
		}
	}
	if g.due = g.next(now); g.due == never && len(g.rounds) == 0 {
		heap.Remove(&c.queue, g.place)
		delete(c.groups, g.id)
		return
	}
	heap.Fix(&c.queue, g.place)
}

// never is later than everything.
const never = time.Duration(1<<63 - 1)

// next is when the group has to be looked at though nothing happens.
func (g *group) next(now time.Duration) time.Duration {
	at := never
	if len(g.chunks) > 0 {
		at = g.since + window
	}
	if len(g.rounds) == 0 && g.earliest > now { // what waits begins then; else the group is kept for so long, so that nothing begins earlier
		at = min(at, g.earliest)
	}
	if b := g.batching.due(); b != 0 {
		at = min(at, b)
	}
	return at
}

// begin makes a round of all that waits, or gives it up where too much is under way.
func (c *Collector) begin(now time.Duration, g *group) {
	if len(g.rounds) >= maxRounds || g.flight+g.bytes > maxFlight {
		g.clear()
		g.lost = true
		return
	}
	g.batching.round(now, now-g.since)
	g.earliest = now + min(g.pace.Apart, window)
	c.send(g, g.batching.next(now, g.pace.SendWait))
}

// send hands on a round with what waits, which may be nothing.
func (c *Collector) send(g *group, n *Notice) {
	r := &Round{Conversation: g.id, Chunks: g.chunks, Head: g.head, Notice: n, enc: c.enc, tracked: true, since: g.since, bytes: g.bytes}
	if len(g.chunks) == 0 && !g.lost {
		r.Head = chat.Head{Conversation: g.id} // a notice alone: nobody has to be told where the conversation is
	}
	g.rounds, g.flight = append(g.rounds, r), g.flight+r.size()
	g.clear()
	g.lost = false
	c.ready = append(c.ready, r)
}

// clear forgets what waits.
func (g *group) clear() { g.chunks, g.open, g.bytes = nil, false, 0 }

// queue is a heap of groups by what is due next.
type queue []*group

// Len implements heap.Interface.
func (q queue) Len() int { return len(q) }

// Less implements heap.Interface.
func (q queue) Less(i, j int) bool { return q[i].due < q[j].due }

// Swap implements heap.Interface.
func (q queue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].place, q[j].place = i, j
}

// Push implements heap.Interface.
func (q *queue) Push(x any) {
	g, _ := x.(*group)
	g.place = len(*q)
	*q = append(*q, g)
}

// Pop implements heap.Interface.
func (q *queue) Pop() any {
	old := *q
	g := old[len(old)-1]
	old[len(old)-1] = nil
	*q = old[:len(old)-1]
	return g
}
