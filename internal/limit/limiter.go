package limit

import (
	"container/heap"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/throng-im/throng/internal/chat"
)

// Limiter holds one token bucket per key. All methods may be called from any goroutine; none blocks.
//
// A bucket is one number: the time at which it is full again. A bucket that is full says nothing that a missing one does
// not, so full buckets are dropped when room is needed, the longest full one first, and a key that is being limited is
// never forgotten. Where every bucket is in use, keys without one share a single bucket: a flood of keys then slows down
// newcomers, and resets nobody.
//
// Nodes that limit together each have their part of a bucket, and those that use more of it than a little lease from a bucket that all
// have: see [Sharing].
type Limiter[K comparable] struct {
	// immutable after construction
	every time.Duration // between two tokens; 0 is no limit
	depth time.Duration // of a full bucket
	burst int
	keys  int
	now   func() time.Time
	start time.Time

	// set while wiring: nil where the node has the whole of each bucket
	sharing *Sharing
	name    string
	text    func(K) string

	// guarded by mu
	mu       sync.Mutex
	buckets  map[K]*bucket[K]
	order    byFull[K]
	overflow bucket[K]
	hot      []*bucket[K] // that have a share
	swept    int          // place in hot that is looked at next
	queue    []*bucket[K] // that are to claim
	claiming []*bucket[K] // that the claims under way are of
}

// bucket is what the node has of a key by itself: the whole, or its part where several nodes share. It is full again at full,
// counted from the limiter's start.
type bucket[K comparable] struct {
	key   K
	full  time.Duration
	index int // in order
	// uncounted is when what was taken of it is forgotten that the shared bucket was not told of; without a share only.
	uncounted time.Duration
	share     *share // nil while the node's part is used little
}

// New makes a limiter from a bucket that [Bucket.Validate] accepts. Now is the clock; nil is time.Now.
func New[K comparable](b Bucket, now func() time.Time) *Limiter[K] {
	if now == nil {
		now = time.Now
	}
	l := &Limiter[K]{now: now, start: now(), burst: b.Burst, keys: b.Keys, buckets: map[K]*bucket[K]{}}
	if b.Rate > 0 {
		l.every = max(time.Duration(float64(time.Second)/b.Rate), 1)
		l.depth = l.every * time.Duration(b.Burst)
	}
	return l
}

// Take takes n tokens of the key. It returns 0 where they were there; else it takes nothing and returns how long to wait
// until they will be. More than the burst counts as the burst, and where nodes share, as what one of them may have at once.
func (l *Limiter[K]) Take(key K, n int) time.Duration {
	if l.every == 0 || n <= 0 {
		return 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now().Sub(l.start)
	b := l.bucket(key, now)
	if l.sharing == nil || b == &l.overflow {
		return l.take(b, n, now)
	}
	return l.takeShared(b, n, now)
}

// take takes from the node's part, or returns how long to wait. The caller holds mu.
func (l *Limiter[K]) take(b *bucket[K], n int, now time.Duration) time.Duration {
	nodes := l.nodes()
	cost := l.cost(n, nodes)
	depth := max(l.depth, l.cost(1, nodes))
	// A clock that was set back must not lock anybody out for longer than an empty bucket does.
	full := min(max(b.full, now), now+depth)
	if wait := full + cost - now - depth; wait > 0 {
		return wait
	}
	b.full = full + cost
	l.moved(b)
	return 0
}

// cost is by how much later the node's part is full again for n tokens, or for all that it holds.
func (l *Limiter[K]) cost(n, nodes int) time.Duration {
	return l.every * time.Duration(nodes) * time.Duration(min(n, max(l.burst/nodes, 1)))
}

// nodes is among how many nodes a bucket is divided.
func (l *Limiter[K]) nodes() int {
	if l.sharing == nil {
		return 1
	}
	return int(l.sharing.nodes.Load())
}

// Give puts n tokens back, of an attempt that turned out well.
func (l *Limiter[K]) Give(key K, n int) {
	if l.every == 0 || n <= 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	b, ok := l.buckets[key]
	if !ok {
		return
	}
	nodes := l.nodes()
	b.full -= l.cost(n, nodes)
	l.moved(b)
	if s := b.share; s != nil {
		s.held = min(s.held+n, l.burst) // of what was spent, the next claim takes it off
	} else if l.sharing != nil {
		b.uncounted -= l.looseCost(n, nodes)
	}
}

// Len is how many keys are held.
func (l *Limiter[K]) Len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.buckets)
}

// bucket finds or makes the key's bucket, or returns the shared one. The caller holds mu.
func (l *Limiter[K]) bucket(key K, now time.Duration) *bucket[K] {
	if b, ok := l.buckets[key]; ok {
		return b
	}
	if len(l.buckets) >= l.keys {
		if l.order[0].full > now {
			return &l.overflow
		}
		oldest, _ := heap.Pop(&l.order).(*bucket[K])
		delete(l.buckets, oldest.key)
		if oldest.share != nil {
			l.abandon(oldest)
		}
	}
	b := &bucket[K]{key: key}
	l.buckets[key] = b
	heap.Push(&l.order, b)
	return b
}

func (l *Limiter[K]) moved(b *bucket[K]) {
	if b != &l.overflow {
		heap.Fix(&l.order, b.index)
	}
}

// Addresses limits by network address: an IPv4 address, or the /64 of an IPv6 address, since that is what one customer
// gets. What is no address counts as it is written.
type Addresses struct{ l *Limiter[string] }

// NewAddresses makes a limiter keyed by address; see [New].
func NewAddresses(b Bucket, now func() time.Time) *Addresses {
	return &Addresses{l: New[string](b, now)}
}

// Take is [Limiter.Take] by address.
func (a *Addresses) Take(address string, n int) time.Duration {
	return a.l.Take(AddressKey(address), n)
}

// Share is [Limiter.Share] by address.
func (a *Addresses) Share(s *Sharing, name string) { a.l.Share(s, name, strings.Clone) }

// Give is [Limiter.Give] by address.
func (a *Addresses) Give(address string, n int) { a.l.Give(AddressKey(address), n) }

// AddressKey returns what an address, with or without a port, is limited as.
func AddressKey(address string) string {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		withPort, errPort := netip.ParseAddrPort(address)
		if errPort != nil {
			return strings.Clone(address[:min(len(address), 64)])
		}
		ip = withPort.Addr()
	}
	ip = ip.Unmap().WithZone("")
	if ip.Is4() {
		return ip.String()
	}
	prefix, err := ip.Prefix(64)
	if err != nil {
		return ip.String()
	}
	return prefix.String()
}

// Error is the answer to who has to wait.
func Error(wait time.Duration) *chat.Error {
	e := chat.Errorf(chat.CodeRateLimited, chat.ReasonRateLimited, "too often; try again in %s", wait.Round(time.Second)+time.Second)
	e.RetryAfter = wait
	return e
}
