package receipt

import (
	"fmt"
	"time"
)

// Config of receipts.
type Config struct {
	// NamedMembers is up to how many members a conversation may have so that everybody's receipts are told by name, and live. Up to there what
	// devices have got is noted, too.
	NamedMembers int
	// CountedMembers is up to how many members receipts are counted on request; in larger conversations there are none. 0 is as NamedMembers.
	CountedMembers int
	// Every is how long changes of a conversation wait, to be told together.
	Every time.Duration
	// GotRate is how many positions of what devices have got a node stores in a second; the others wait, and fall together.
	GotRate int
}

// Default is the configuration that an empty file gives.
func Default() Config {
	return Config{NamedMembers: 200, CountedMembers: 5_000, Every: 500 * time.Millisecond, GotRate: 2_000}
}

// Bounds of the settings. Names of all members go into one answer, and counting reads every member's row.
const (
	mostNamed   = 1_000
	mostCounted = 100_000
)

// Validate reports what cannot work.
func (c Config) Validate() error {
	if c.NamedMembers < 0 || c.NamedMembers > mostNamed {
		return fmt.Errorf("named_members is %d; it is from 0 (no receipts) to %d", c.NamedMembers, mostNamed)
	}
	if c.CountedMembers < 0 || c.CountedMembers > mostCounted {
		return fmt.Errorf("counted_members is %d; it is from 0 to %d", c.CountedMembers, mostCounted)
	}
	if c.Every < 50*time.Millisecond || c.Every > 10*time.Second {
		return fmt.Errorf("every: %s is not from 50ms to 10s", c.Every)
	}
	if c.GotRate < 0 {
		return fmt.Errorf("got_rate is %d; it is at least 0, which stores nothing", c.GotRate)
	}
	return nil
}
