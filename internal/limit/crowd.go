package limit

import (
	"math"
	"sync"
	"time"

	"github.com/throng-im/throng/internal/chat"
)

const (
	// burstTime is how much of its rate a bucket of deliveries holds.
	burstTime = 2 * time.Second
	// activeTime is how long a conversation that somebody wrote into keeps its claim to a part of the budget.
	activeTime = 10 * time.Second
	// sweepTime is how often conversations are looked through for those that have become quiet.
	sweepTime = time.Second
	// pace is over how long the rate of a conversation is averaged.
	pace = 2 * time.Second
	// debtTime bounds what was delivered ahead of the budget because conversations may always send a little.
	debtTime = time.Minute
	// enough of a cost is all of it, rounding apart.
	enough = 1 - 1e-9
	// turns is how many messages are let pass before somebody who has to wait, at most.
	turns = 16
	// chunkEntries is how many entries that share a write cost as much as one more write.
	chunkEntries = 10
	// roundShare is the part of its budget that a conversation in chunks has for writes; the rest is for entries that share them.
	roundShare = 0.5
	// longestApart is how far apart rounds of a conversation begin at most: nobody waits longer for others.
	longestApart = time.Second
)

// Audience is who gets the entries of a conversation on this node.
type Audience struct {
	// Connections that get each entry.
	Connections int
	// Chunked: entries that come in quick succession share a write.
	Chunked bool
}

// Crowd limits what conversations with many receivers may send, so that all of them together do not make more deliveries than the
// node can, and what is left is for everybody else. Its methods may be called from any goroutine; none blocks.
//
// The budget is split evenly among the conversations that are active. Each has a bucket of deliveries that fills at its part of the
// budget, and a message costs as many as it has receivers; so that the rate is
//
//	part / receivers, at least one message in Longest
//
// in messages per second, and more where messages share a write. All messages are charged to the common bucket too, which fills
// at the whole budget: what some do not use, others may take from there while there is any. Nobody can take another's part.
type Crowd struct {
	// immutable after construction
	cfg    Deliveries
	budget float64 // deliveries per second, of all together
	now    func() time.Time
	start  time.Time

	// guarded by mu
	mu       sync.Mutex
	scale    float64                            // of the budget
	groups   map[chat.ConversationID]*gathering // the active ones
	overflow *gathering                         // of conversations for which there is no room; nil where there are none
	spare    float64                            // deliveries in the common bucket; below 0 where more was made than it had
	given    float64                            // deliveries that one conversation's part has come to since the start
	at       time.Duration
	swept    time.Duration
}

// gathering is one conversation with many receivers. It is active, and has a part of the budget, from its first message until its
// last one was long ago and its bucket is full again.
type gathering struct {
	audience Audience
	tokens   float64 // deliveries
	given    float64 // the crowd's, as of at
	rate     float64 // messages per second that were let through, as of at
	at       time.Duration
	asked    time.Duration // last time
	slot     time.Duration // until when those who have to wait were told to
}

// NewCrowd makes a limit from settings that [Deliveries.Validate] accepts, for a node with so many cores. Now is a clock that
// does not run backwards; nil is time.Now.
func NewCrowd(d Deliveries, cores int, now func() time.Time) *Crowd {
	if now == nil {
		now = time.Now
	}
	c := &Crowd{cfg: d, budget: d.Rate * d.Share * float64(cores), now: now, start: now(), scale: 1, groups: map[chat.ConversationID]*gathering{}}
	c.spare = c.depth()
	return c
}

// depth is what the common bucket holds.
func (c *Crowd) depth() float64 { return c.budget * c.scale * burstTime.Seconds() }

// Scale changes the budget to a part of it, for a node that cannot do what it is taken to.
func (c *Crowd) Scale(part float64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.settle(c.now().Sub(c.start))
	c.scale = part
	c.spare = min(c.spare, c.depth())
}

// Active is how many conversations share the budget.
func (c *Crowd) Active() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.settle(c.now().Sub(c.start))
	return c.active()
}

func (c *Crowd) active() int {
	if c.overflow != nil {
		return len(c.groups) + 1
	}
	return len(c.groups)
}

// Take lets a message into a conversation with that audience and returns 0, or how long its sender should wait. It is for a
// message that nothing else speaks against.
func (c *Crowd) Take(id chat.ConversationID, a Audience) time.Duration {
	if c.budget == 0 || a.Connections <= c.cfg.Free {
		return 0
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now().Sub(c.start)
	c.settle(now)
	g := c.gathering(id, a, now)
	c.fill(g, now)
	if wait := c.wait(g); wait > 0 {
		return g.turn(now, wait, c.cfg.Longest)
	}
	cost := c.cost(g)
	if g.tokens >= cost*enough { // else it is out of what others leave
		g.tokens -= cost
	}
	c.spare = max(c.spare-cost, -c.budget*c.scale*debtTime.Seconds())
	g.rate += 1 / pace.Seconds()
	return 0
}

// Peek returns how long a message would have to wait, 0 for not at all or where the conversation is none with many receivers. It
// takes nothing, so that it may be asked for who has no business there.
func (c *Crowd) Peek(id chat.ConversationID) time.Duration {
	if c.budget == 0 {
		return 0
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	g, ok := c.groups[id]
	if !ok {
		return 0
	}
	now := c.now().Sub(c.start)
	c.settle(now)
	c.fill(g, now)
	if wait := c.wait(g); wait > 0 {
		return g.turn(now, wait, c.cfg.Longest)
	}
	return 0
}

// Expect returns what a conversation is held to at present: how far apart messages are sent, 0 where nobody has to wait, and how far apart
// rounds of them are delivered, 0 for at once. It takes nothing.
func (c *Crowd) Expect(id chat.ConversationID) (send, rounds time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	g, ok := c.groups[id]
	if !ok {
		return 0, 0
	}
	now := c.now().Sub(c.start)
	c.settle(now)
	c.fill(g, now)
	if g.audience.Chunked {
		rounds = seconds(1 / c.rounds(g))
	}
	if c.wait(g) > 0 {
		send = seconds(c.cost(g) / max(c.part(), c.least(g)))
	}
	return send, rounds
}

func seconds(s float64) time.Duration {
	return time.Duration(s * float64(time.Second)).Truncate(time.Millisecond)
}

// settle brings the budget up to now, and forgets once in a while who is not active any more. The caller holds mu.
func (c *Crowd) settle(now time.Duration) {
	past := (now - c.at).Seconds()
	c.at = now
	c.spare = min(c.spare+c.budget*c.scale*past, c.depth())
	c.given += c.part() * past
	if now-c.swept < sweepTime {
		return
	}
	c.swept = now
	for id, g := range c.groups {
		if c.over(g, now) {
			delete(c.groups, id)
		}
	}
	if c.overflow != nil && c.over(c.overflow, now) {
		c.overflow = nil
	}
}

// over reports that the conversation is not active any more: what it is says nothing that a new one would not.
func (c *Crowd) over(g *gathering, now time.Duration) bool {
	if now-g.asked < activeTime {
		return false
	}
	c.fill(g, now)
	return g.tokens >= c.room(g)
}

// gathering finds or makes the conversation's, or the one that those without room share. The caller holds mu.
func (c *Crowd) gathering(id chat.ConversationID, a Audience, now time.Duration) *gathering {
	g, ok := c.groups[id]
	if !ok {
		g = &gathering{at: now, given: c.given, tokens: math.Inf(1)} // full; fill says how much that is
		switch {
		case len(c.groups) < c.cfg.Keys:
			c.groups[id] = g
		case c.overflow == nil:
			c.overflow = g
		default:
			g = c.overflow
		}
	}
	g.audience, g.asked = a, now
	return g
}

// part is what an active conversation has of the budget, in deliveries per second.
func (c *Crowd) part() float64 { return c.budget * c.scale / float64(max(c.active(), 1)) }

// least is what a conversation has in any case: one message in Longest.
func (c *Crowd) least(g *gathering) float64 {
	return float64(g.audience.Connections) / c.cfg.Longest.Seconds()
}

// room is how much a conversation's bucket holds: a message, at least.
func (c *Crowd) room(g *gathering) float64 {
	return max(c.part()*burstTime.Seconds(), float64(g.audience.Connections))
}

// fill brings a conversation up to now. The caller holds mu.
func (c *Crowd) fill(g *gathering, now time.Duration) {
	past := (now - g.at).Seconds()
	g.rate *= math.Exp(-past / pace.Seconds())
	g.tokens = min(g.tokens+max(c.given-g.given, c.least(g)*past), c.room(g))
	g.at, g.given = now, c.given
}

// rounds is how many rounds a second a conversation in chunks may make.
func (c *Crowd) rounds(g *gathering) float64 {
	return max(c.part()*roundShare/float64(max(g.audience.Connections, 1)), 1/longestApart.Seconds())
}

// cost is what a message of the conversation makes, in writes, at the rate that it has: those that come faster than rounds share them.
func (c *Crowd) cost(g *gathering) float64 {
	receivers := float64(g.audience.Connections)
	if !g.audience.Chunked {
		return receivers
	}
	rounds := c.rounds(g)
	if g.rate <= rounds {
		return receivers
	}
	return receivers * (rounds + (g.rate-rounds)/chunkEntries) / g.rate
}

// wait is how long until a message of the conversation may pass: out of its own bucket, or out of what others leave.
func (c *Crowd) wait(g *gathering) time.Duration {
	cost := c.cost(g)
	if g.tokens >= cost*enough || c.spare >= min(cost, c.depth()) {
		return 0
	}
	return time.Duration(math.Ceil((cost-g.tokens)/max(c.part(), c.least(g))*1000)) * time.Millisecond
}

// turn tells those who have to wait different times, one message apart, so that they do not all come back at once. Nobody is told to
// wait for more than so many messages: those who ask in vain, and have no business there, may be many.
func (g *gathering) turn(now, wait, longest time.Duration) time.Duration {
	if g.slot += wait; g.slot < now+wait || g.slot > now+min(turns*wait, longest) {
		g.slot = now + min(wait, longest)
	}
	return g.slot - now
}
