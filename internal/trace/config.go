package trace

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"time"
)

// Config of the traces. Give all nodes of a deployment the same.
type Config struct {
	// Endpoint is where spans go, by OTLP over HTTP: the address of a collector, such as http://127.0.0.1:4318 (/v1/traces is added where
	// it has no path). Empty sends none.
	Endpoint string
	// Ratio is which part of the entries is sent, from 0 to 1. Which ones follows from their conversation and seq, so that all nodes send
	// the same ones.
	Ratio float64
	// Users are ids of users whose messages are sent whatever the ratio is.
	Users []string
	// Service is the name under which the spans stand.
	Service string
	// RecentBytes is how much each node remembers of what became of entries lately, for `throng trace`: 104 bytes a step, some five steps
	// an entry. It is taken as it is needed. 0 remembers nothing.
	RecentBytes int
	// Timeout bounds one call of the collector.
	Timeout time.Duration
}

// Default remembers the latest steps, and sends nothing.
func Default() Config {
	return Config{Service: "throng", RecentBytes: 4 << 20, Timeout: 10 * time.Second}
}

const (
	minRecent = pullShare * stripes * chunkSteps * StepBytes
	maxRecent = 256 << 20 // an operator's question looks at the sixteenth part of it, and who notes a step waits meanwhile
)

// Validate reports every setting that cannot work.
func (c Config) Validate() error {
	var problems []error
	if c.Endpoint != "" {
		u, err := url.Parse(c.Endpoint)
		if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
			problems = append(problems, fmt.Errorf("endpoint: %q is no address of a collector, such as http://127.0.0.1:4318", c.Endpoint))
		}
	}
	if !(c.Ratio >= 0 && c.Ratio <= 1) { // nor a number that is none
		problems = append(problems, fmt.Errorf("ratio: %g is not from 0 to 1", c.Ratio))
	}
	if c.Endpoint == "" && (c.Ratio > 0 || len(c.Users) > 0) {
		problems = append(problems, errors.New("endpoint: name a collector, or nothing is sent whatever ratio and users are"))
	}
	for _, text := range c.Users {
		if n, err := strconv.ParseUint(text, 10, 53); err != nil || n == 0 {
			problems = append(problems, fmt.Errorf("users: %q is no id of a user", text))
		}
	}
	if c.Service == "" || len(c.Service) > 255 {
		problems = append(problems, errors.New("service: a name of 1 to 255 bytes"))
	}
	if c.RecentBytes != 0 && (c.RecentBytes < minRecent || c.RecentBytes > maxRecent) {
		problems = append(problems, fmt.Errorf("recent_bytes: 0, or from %d to %d", minRecent, maxRecent))
	}
	if c.Timeout < 100*time.Millisecond || c.Timeout > time.Minute {
		problems = append(problems, errors.New("timeout: give it from 100ms to 1m"))
	}
	return errors.Join(problems...)
}

// userSet is nil where no user is named.
func (c Config) userSet() map[uint64]struct{} {
	if len(c.Users) == 0 {
		return nil
	}
	set := make(map[uint64]struct{}, len(c.Users))
	for _, text := range c.Users {
		if n, err := strconv.ParseUint(text, 10, 53); err == nil {
			set[n] = struct{}{}
		}
	}
	return set
}
