package pebble

// lru keeps the values that were used last. It is not safe for use from several goroutines. Putting never evicts, so that
// what a batch under way has put stays until trim: the cache is the batch's overlay too.
type lru[K comparable, V any] struct {
	limit int
	items map[K]*lruItem[K, V]
	ring  lruItem[K, V] // ring.next is the newest, ring.prev the oldest
}

type lruItem[K comparable, V any] struct {
	key        K
	value      V
	stamp      uint64 // the last batch that changed the value
	prev, next *lruItem[K, V]
}

func newLRU[K comparable, V any](limit int) *lru[K, V] {
	c := &lru[K, V]{limit: limit}
	c.clear()
	return c
}

// get returns the item and makes it the newest; nil where there is none.
func (c *lru[K, V]) get(key K) *lruItem[K, V] {
	it := c.items[key]
	if it == nil || c.ring.next == it {
		return it
	}
	it.prev.next, it.next.prev = it.next, it.prev
	c.front(it)
	return it
}

// put adds a value that is not there.
func (c *lru[K, V]) put(key K, value V) *lruItem[K, V] {
	it := &lruItem[K, V]{key: key, value: value}
	c.items[key] = it
	c.front(it)
	return it
}

func (c *lru[K, V]) front(it *lruItem[K, V]) {
	it.prev, it.next = &c.ring, c.ring.next
	it.prev.next, it.next.prev = it, it
}

// trim evicts what is beyond the limit.
func (c *lru[K, V]) trim() {
	for len(c.items) > c.limit {
		old := c.ring.prev
		old.prev.next, old.next.prev = old.next, old.prev
		delete(c.items, old.key)
	}
}

func (c *lru[K, V]) clear() {
	c.items = make(map[K]*lruItem[K, V])
	c.ring.prev, c.ring.next = &c.ring, &c.ring
}
