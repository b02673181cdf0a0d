package lru

import "sync"

// Shared is a [Cache] that is safe for concurrent use. One that is nil remembers nothing.
type Shared[K comparable, V any] struct {
	// guarded by mu
	mu    sync.Mutex
	cache *Cache[K, V]
}

// NewShared makes one of at most so many things.
func NewShared[K comparable, V any](most int) *Shared[K, V] {
	return &Shared[K, V]{cache: New[K, V](most)}
}

// Get is [Cache.Get].
func (s *Shared[K, V]) Get(key K) (value V, ok bool) {
	if s == nil {
		return value, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cache.Get(key)
}

// Put is [Cache.Put].
func (s *Shared[K, V]) Put(key K, value V) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cache.Put(key, value)
}

// Delete is [Cache.Delete].
func (s *Shared[K, V]) Delete(key K) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cache.Delete(key)
}
