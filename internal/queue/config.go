package queue

import (
	"fmt"
	"time"
)

// RelayConfig says how events get from the outbox into the streams.
type RelayConfig struct {
	// Lease is for how long a node takes lanes. The lanes of a node that was lost are relayed again after this time.
	Lease time.Duration
	// Look is how often a relay looks for events that nobody told it of: those of appends on other nodes. It looks ten times as often
	// for a second after it found some.
	Look time.Duration
	// Batch is how many events of a lane are published at once.
	Batch int
	// Reads is how many calls to the outbox a node makes at once, so that they leave connections for appends.
	Reads int
	// Backoff is the longest rest of a lane whose events could not be published.
	Backoff time.Duration
}

// DefaultRelayConfig is what an empty configuration gives.
func DefaultRelayConfig() RelayConfig {
	return RelayConfig{Lease: 10 * time.Second, Look: 100 * time.Millisecond, Batch: 500, Reads: 8, Backoff: 2 * time.Second}
}

// Validate reports what cannot work.
func (c RelayConfig) Validate() error {
	switch {
	case c.Lease < time.Second || c.Lease > time.Minute:
		return fmt.Errorf("lease: %s is not from 1s to 1m", c.Lease)
	case c.Look < 10*time.Millisecond || c.Look > c.Lease:
		return fmt.Errorf("look: %s is not from 10ms to lease (%s)", c.Look, c.Lease)
	case c.Batch < 1 || c.Batch > 10_000:
		return fmt.Errorf("batch: %d is not from 1 to 10000", c.Batch)
	case c.Reads < 1 || c.Reads > Lanes:
		return fmt.Errorf("reads: %d is not from 1 to %d", c.Reads, Lanes)
	case c.Backoff < minBackoff || c.Backoff > time.Minute:
		return fmt.Errorf("backoff: %s is not from %s to 1m", c.Backoff, minBackoff)
	}
	return nil
}
