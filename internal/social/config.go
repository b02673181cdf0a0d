package social

import (
	"errors"
	"time"
)

// Config is how much people may have to do with each other.
type Config struct {
	// RequestsPerDay is how many people a user may ask to be friends in a day (UTC), those included whose answer was no.
	RequestsPerDay int
	// RequestsWaiting is how many requests may wait for a user's answer; who asks beyond that is told so.
	RequestsWaiting int
	// SweepInterval is how often a node looks for what another one, or an earlier run, did not complete.
	SweepInterval time.Duration
}

// Default returns the defaults.
func Default() Config {
	return Config{RequestsPerDay: 100, RequestsWaiting: 1_000, SweepInterval: 10 * time.Second}
}

// Validate says what is wrong with the settings.
func (c Config) Validate() error {
	if c.RequestsPerDay < 1 || c.RequestsPerDay > 1_000_000 {
		return errors.New("requests_per_day must be from 1 to 1000000")
	}
	if c.RequestsWaiting < 1 || c.RequestsWaiting > 10_000 {
		return errors.New("requests_waiting must be from 1 to 10000")
	}
	if c.SweepInterval < time.Second {
		return errors.New("sweep_interval must be at least 1s")
	}
	return nil
}
