package account

import (
	"sync"
	"time"
)

// seldomEvery is how often trouble is logged that each request may meet.
const seldomEvery = time.Minute

// seldom lets one of many through every [seldomEvery] and counts the others. The zero value lets the first one through. It may be
// used from any goroutine.
type seldom struct {
	// guarded by mu
	mu    sync.Mutex
	last  time.Time
	since int // how many were held back since
}

// pass reports that this one is let through, and how many were held back since the last one that was.
func (s *seldom) pass(now time.Time) (held int, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.last.IsZero() && now.Sub(s.last) < seldomEvery {
		s.since++
		return 0, false
	}
	held, s.last, s.since = s.since, now, 0
	return held, true
}
