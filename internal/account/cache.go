package account

import (
	"container/list"
	"sync"
)

// cache remembers a bounded number of things; the one that was asked for the longest ago goes first. What is dropped while
// it is being read elsewhere must not come back as it was: who fills takes a mark first and reads then.
type cache[K comparable, V any] struct {
	// immutable after construction
	size int

	// guarded by mu
	mu    sync.Mutex
	items map[K]*list.Element
	order *list.List // of cached[K, V], the latest in front
	drops uint64
}

type cached[K comparable, V any] struct {
	key   K
	value V
}

func newCache[K comparable, V any](size int) *cache[K, V] {
	return &cache[K, V]{size: size, items: map[K]*list.Element{}, order: list.New()}
}

func (c *cache[K, V]) get(key K) (V, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.items[key]; ok {
		if item, ok := e.Value.(*cached[K, V]); ok {
			c.order.MoveToFront(e)
			return item.value, true
		}
	}
	var none V
	return none, false
}

// mark is what put takes; it is taken before the value is read.
func (c *cache[K, V]) mark() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.drops
}

// put remembers, unless anything was dropped since the mark.
func (c *cache[K, V]) put(key K, value V, mark uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.drops != mark {
		return
	}
	if e, ok := c.items[key]; ok {
		e.Value = &cached[K, V]{key: key, value: value}
		c.order.MoveToFront(e)
		return
	}
	if len(c.items) >= c.size {
		oldest := c.order.Back()
		if item, ok := c.order.Remove(oldest).(*cached[K, V]); ok {
			delete(c.items, item.key)
		}
	}
	c.items[key] = c.order.PushFront(&cached[K, V]{key: key, value: value})
}

func (c *cache[K, V]) drop(key K) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drops++
	if e, ok := c.items[key]; ok {
		c.order.Remove(e)
		delete(c.items, key)
	}
}

func (c *cache[K, V]) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drops++
	clear(c.items)
	c.order.Init()
}
