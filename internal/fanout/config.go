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
}

// Default is the configuration that an empty file gives.
func Default() Config {
	return Config{CacheMembers: 1 << 20, Retry: 250 * time.Millisecond}
}

// Validate reports what cannot work.
func (c Config) Validate() error {
	switch {
	case c.CacheMembers < 1_024:
		return fmt.Errorf("fanout.cache_members is %d; it must be at least 1024", c.CacheMembers)
	case c.Retry <= 0:
		return fmt.Errorf("fanout.retry is %v; it must be positive", c.Retry)
	}
	return nil
}
