package fanout

import (
	"fmt"
	"time"
)

// Config of the fan-out.
type Config struct {
	// CacheMembers bounds the cache of small conversations: members and conversations together, 8 to 80 bytes each.
	CacheMembers int
	// Retry is how long to wait after an error before the events are followed again.
	Retry time.Duration
	// DirectAfter is how long events may wait to be published before the node that committed them delivers them by itself: the queue is
	// away then. It is of no matter where there is no queue to wait for.
	DirectAfter time.Duration
}

// Default is the configuration that an empty file gives.
func Default() Config {
	return Config{CacheMembers: 1 << 20, Retry: 250 * time.Millisecond, DirectAfter: 500 * time.Millisecond}
}

// Validate reports what cannot work.
func (c Config) Validate() error {
	switch {
	case c.CacheMembers < 1_024:
		return fmt.Errorf("fanout.cache_members is %d; it must be at least 1024", c.CacheMembers)
	case c.Retry <= 0:
		return fmt.Errorf("fanout.retry is %v; it must be positive", c.Retry)
	case c.DirectAfter < 50*time.Millisecond:
		return fmt.Errorf("fanout.direct_after is %v; it must be at least 50ms", c.DirectAfter)
	}
	return nil
}
