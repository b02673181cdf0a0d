package lru

import "hash/maphash"

// none ends a chain. Index 0 is no entry but the ring's anchor: its older is the newest entry, its newer the oldest.
const none = 0

// Cache is not safe for concurrent use; make it with New.
type Cache[K comparable, V any] struct {
	most    int
	seed    maphash.Seed
	buckets []uint32 // first entry of each chain; their number is a power of two
	entries []entry[K, V]
	free    uint32 // first of those that were deleted, by chain
	n       int
}

type entry[K comparable, V any] struct {
	chain, older, newer uint32
	key                 K
	value               V
}

const leastBuckets = 16

// New makes a cache of at most so many things, 1 or more and below 2^31.
func New[K comparable, V any](most int) *Cache[K, V] {
	c := &Cache[K, V]{most: max(most, 1), seed: maphash.MakeSeed()}
	c.Clear()
	return c
}

// Len is how many things are remembered.
func (c *Cache[K, V]) Len() int { return c.n }

// Get returns what is remembered, which is the newest by that.
func (c *Cache[K, V]) Get(key K) (value V, ok bool) {
	i := c.find(key)
	if i == none {
		return value, false
	}
	c.unlink(i)
	c.link(i)
	return c.entries[i].value, true
}

// Put remembers; where there is no room, the oldest is forgotten.
func (c *Cache[K, V]) Put(key K, value V) {
	if i := c.find(key); i != none {
		c.entries[i].value = value
		c.unlink(i)
		c.link(i)
		return
	}
	if c.n >= c.most {
		c.Delete(c.entries[c.entries[none].newer].key)
	}
	i := c.place()
	if c.n++; c.n > len(c.buckets) {
		c.spread(2 * len(c.buckets))
	}
	e := &c.entries[i]
	e.key, e.value = key, value
	b := c.bucket(key)
	e.chain, *b = *b, i
	c.link(i)
}

// Delete forgets.
func (c *Cache[K, V]) Delete(key K) {
	for p := c.bucket(key); *p != none; p = &c.entries[*p].chain {
		i := *p
		e := &c.entries[i]
		if e.key != key {
			continue
		}
		*p = e.chain
		c.unlink(i)
		*e = entry[K, V]{chain: c.free}
		c.free = i
		c.n--
		return
	}
}

// Clear forgets everything.
func (c *Cache[K, V]) Clear() {
	c.buckets, c.entries, c.free, c.n = make([]uint32, leastBuckets), make([]entry[K, V], 1), none, 0
}

func (c *Cache[K, V]) bucket(key K) *uint32 {
	return &c.buckets[maphash.Comparable(c.seed, key)&uint64(len(c.buckets)-1)]
}

func (c *Cache[K, V]) find(key K) uint32 {
	i := *c.bucket(key)
	for i != none && c.entries[i].key != key {
		i = c.entries[i].chain
	}
	return i
}

// place returns an entry that nobody has.
func (c *Cache[K, V]) place() uint32 {
	if i := c.free; i != none {
		c.free = c.entries[i].chain
		return i
	}
	c.entries = append(c.entries, entry[K, V]{})
	return uint32(len(c.entries) - 1)
}

// spread has everything found by more buckets.
func (c *Cache[K, V]) spread(n int) {
	c.buckets = make([]uint32, n)
	for i := c.entries[none].older; i != none; i = c.entries[i].older {
		e := &c.entries[i]
		b := c.bucket(e.key)
		e.chain, *b = *b, i
	}
}

func (c *Cache[K, V]) link(i uint32) {
	newest := c.entries[none].older
	c.entries[i].older, c.entries[i].newer = newest, none
	c.entries[newest].newer, c.entries[none].older = i, i
}

func (c *Cache[K, V]) unlink(i uint32) {
	e := &c.entries[i]
	c.entries[e.older].newer, c.entries[e.newer].older = e.newer, e.older
}
