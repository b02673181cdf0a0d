package message

import "github.com/throng-im/throng/internal/chat"

// pageKey names a page of the log as it is read: two who ask for it with different words, or see different parts of what lies
// around it, share it. Buried is the count of its stripe: a page from before content was removed is another one.
type pageKey struct {
	conversation chat.ConversationID
	from, to     chat.Seq
	bytes        int
	backward     bool
	buried       uint64
}

// pageOf narrows a read to the entries that it can come to within its limit.
func pageOf(q Range, buried uint64) pageKey {
	n := chat.Seq(q.Limit) - 1
	from, to := q.From, q.To
	if q.Backward {
		from = max(from, to-min(to, n))
	} else {
		to = min(to, from+n)
	}
	return pageKey{conversation: q.Conversation, from: from, to: to, bytes: q.MaxBytes, backward: q.Backward, buried: buried}
}

func (k pageKey) query() Range {
	return Range{
		Conversation: k.conversation, From: k.from, To: k.to, Limit: int(k.to-k.from) + 1, MaxBytes: k.bytes, Backward: k.backward,
	}
}

// pageCache keeps pages that were read from the log, in two generations like [readers]: history that many look at, behind
// what the ring holds. [recent] guards it; pages are shared and never written to.
type pageCache struct {
	half       int // bytes of a generation
	young, old map[pageKey][]chat.Entry
	bytes      int // of the young generation
}

func newPageCache(limit int) *pageCache {
	return &pageCache{half: limit / 2, young: make(map[pageKey][]chat.Entry)}
}

func (c *pageCache) get(k pageKey) ([]chat.Entry, bool) {
	if p, ok := c.young[k]; ok {
		return p, true
	}
	p, ok := c.old[k]
	if ok {
		c.put(k, p)
	}
	return p, ok
}

func (c *pageCache) put(k pageKey, page []chat.Entry) {
	n := heldWeight
	for i := range page {
		n += weigh(&page[i])
	}
	if n > c.half {
		return
	}
	if c.bytes += n; c.bytes > c.half {
		c.young, c.old, c.bytes = make(map[pageKey][]chat.Entry), c.young, n
	}
	c.young[k] = page
}

func (c *pageCache) forget(id chat.ConversationID) {
	for _, m := range []map[pageKey][]chat.Entry{c.young, c.old} {
		for k := range m {
			if k.conversation == id {
				delete(m, k)
			}
		}
	}
}

func (c *pageCache) clear() { c.young, c.old, c.bytes = make(map[pageKey][]chat.Entry), nil, 0 }
