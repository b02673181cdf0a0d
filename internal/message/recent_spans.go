package message

import "github.com/throng-im/throng/internal/chat"

// spanCache remembers from which seq on members read who have been in a conversation once, without an end: nearly all of
// them. It holds no pointers, so that the garbage collector passes over a million of them. It forgets what was used least
// recently, half of it at a time. [recent] guards it.
type spanCache struct {
	half       int
	young, old map[spanKey]chat.Seq
}

type spanKey struct {
	conversation chat.ConversationID
	user         chat.UserID
}

func newSpanCache(limit int) *spanCache {
	return &spanCache{half: max(limit/2, 1), young: make(map[spanKey]chat.Seq)}
}

func (c *spanCache) get(k spanKey) (chat.Seq, bool) {
	if from, ok := c.young[k]; ok {
		return from, true
	}
	from, ok := c.old[k]
	if ok {
		c.put(k, from)
	}
	return from, ok
}

func (c *spanCache) put(k spanKey, from chat.Seq) {
	if len(c.young) >= c.half {
		c.young, c.old = make(map[spanKey]chat.Seq), c.young
	}
	c.young[k] = from
}

func (c *spanCache) drop(k spanKey) {
	delete(c.young, k)
	delete(c.old, k)
}

func (c *spanCache) clear() { c.young, c.old = make(map[spanKey]chat.Seq), nil }

func (c *spanCache) len() int { return len(c.young) + len(c.old) }
