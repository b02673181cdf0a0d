package fanout

import "github.com/throng-im/throng/internal/chat"

// recordWeight is what a conversation costs in the cache besides its members, in members.
const recordWeight = 8

// record is what the fan-out knows of a conversation, as of the last entry it delivered.
type record struct {
	seq chat.Seq
	// members of a small conversation; nil where they are not known. Immutable: deliveries refer to it.
	members []chat.UserID
}

func (r *record) weight() int { return recordWeight + len(r.members) }

// asks reports that the delivery of an entry takes a list of members that is not known: it goes to the members, or they are to be
// subscribed before it, and it is neither the first nor the one behind that as of which they are known.
func (r *record) asks(ev *chat.Event) bool {
	switch small := ev.Head.Tier <= chat.TierSmall; {
	case small && ev.Entry.Seq == 1, !small && ev.Was != chat.TierSmall:
		return false
	default:
		return r.members == nil || r.seq+1 != ev.Entry.Seq
	}
}

// cache holds records in two generations: when the young one has half of the bound, the old one is dropped and the young
// one becomes old. What is used lives on. It is owned by the follower's goroutine.
type cache struct {
	// immutable after construction
	bound int

	// owned by the follower's goroutine
	young, old map[chat.ConversationID]record
	weight     int // of the young generation
}

func newCache(bound int) *cache {
	return &cache{bound: bound, young: make(map[chat.ConversationID]record)}
}

// get returns what is known of a conversation; the zero record where nothing is.
func (c *cache) get(id chat.ConversationID) record {
	r, ok := c.young[id]
	if !ok {
		r = c.old[id]
	}
	return r
}

func (c *cache) put(id chat.ConversationID, r record) {
	if old, ok := c.young[id]; ok {
		c.weight -= old.weight()
	}
	c.young[id] = r
	if c.weight += r.weight(); c.weight > c.bound/2 {
		c.young, c.old, c.weight = make(map[chat.ConversationID]record), c.young, 0
	}
}
