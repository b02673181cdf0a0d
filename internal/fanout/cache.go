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

func (c *cache) get(id chat.ConversationID) (record, bool) {
	r, ok := c.young[id]
	if !ok {
		r, ok = c.old[id]
	}
	return r, ok
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
