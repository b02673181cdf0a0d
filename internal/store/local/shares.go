package local

import (
	"context"
	"math"
	"sync"
	"time"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/limit"
)

// Shares are the buckets of one process, in its memory.
type Shares struct {
	// immutable after construction
	now   func() time.Time
	start time.Time

	// guarded by mu
	mu      sync.Mutex
	buckets map[bucketKey]float64 // when they are full again, in seconds from start
	swept   float64
}

type bucketKey struct{ limit, key string }

var _ limit.Shares = (*Shares)(nil)

// NewShares makes buckets, all of them full. Now is a clock that does not run backwards; nil is time.Now.
func NewShares(now func() time.Time) *Shares {
	if now == nil {
		now = time.Now
	}
	return &Shares{now: now, start: now(), buckets: map[bucketKey]float64{}}
}

// sweepTime is how many seconds apart buckets are looked through for those that are full.
const sweepTime = 60

// Lease implements [limit.Shares].
func (s *Shares) Lease(ctx context.Context, claims []limit.Claim) error {
	if err := ctx.Err(); err != nil {
		return chat.Wrap(err, chat.CodeCanceled, chat.ReasonCanceled, "the caller gave up")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now().Sub(s.start).Seconds()
	for i := range claims {
		s.lease(&claims[i], now)
	}
	if now-s.swept > sweepTime {
		s.swept = now
		for k, full := range s.buckets {
			if full <= now {
				delete(s.buckets, k)
			}
		}
	}
	return nil
}

// Len is how many buckets are held.
func (s *Shares) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.buckets)
}

// lease settles and grants one claim. The caller holds mu.
func (s *Shares) lease(c *limit.Claim, now float64) {
	const rounding = 1e-6 // of a token
	key, every := bucketKey{c.Limit, c.Key}, c.Every.Seconds()
	depth := every * float64(c.Burst)
	full := max(s.buckets[key], now) + every*float64(c.Spent)
	full = min(max(full, now), now+2*depth)
	there := max(int(math.Floor((now+depth-full)/every+rounding)), 0)
	c.Granted = max(min(c.Want, (there+c.Parts-1)/c.Parts), 0)
	c.Left, c.Wait = there-c.Granted, 0
	full += every * float64(c.Granted)
	if c.Left == 0 {
		c.Wait = time.Duration(max(full+every-now-depth, 0) * float64(time.Second))
	}
	if full > now {
		s.buckets[key] = full
	} else {
		delete(s.buckets, key)
	}
}
