package account

import (
	"sync"

	"github.com/throng-im/throng/internal/lru"
)

// cache remembers a bounded number of things; the one that was asked for the longest ago goes first. What is dropped while
// it is being read elsewhere must not come back as it was: who fills takes a mark first and reads then.
type cache[K comparable, V any] struct {
	// guarded by mu
	mu    sync.Mutex
	items *lru.Cache[K, V]
	drops uint64
}

func newCache[K comparable, V any](size int) *cache[K, V] {
	return &cache[K, V]{items: lru.New[K, V](size)}
}

func (c *cache[K, V]) get(key K) (V, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.items.Get(key)
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
	if c.drops == mark {
		c.items.Put(key, value)
	}
}

// change changes what is remembered, where it still is.
func (c *cache[K, V]) change(key K, fn func(*V)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if v, ok := c.items.Get(key); ok {
		fn(&v)
		c.items.Put(key, v)
	}
}

func (c *cache[K, V]) drop(key K) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drops++
	c.items.Delete(key)
}

func (c *cache[K, V]) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drops++
	c.items.Clear()
}
