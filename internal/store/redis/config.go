package redis

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/throng-im/throng/internal/breaker"
)

// Config says where Redis is and how it is used. All nodes of a deployment have the same Prefix, and leases that fit each other.
type Config struct {
	// Addresses are where Redis is, each as host:port: one server, or some of the servers of a Redis Cluster, which name the others.
	Addresses []string
	// Cluster says that the servers form a Redis Cluster.
	Cluster bool
	// Username is a user that may run scripts with INFO, and use keys and channels below the prefix; empty for the default one.
	Username string
	// Password is the user's.
	Password string `config:"password,secret"`
	// TLS encrypts the connections.
	TLS bool
	// CAFile is the certificate authority that signed the servers' certificates, in PEM; without it those of the system are trusted.
	CAFile string `config:"ca_file"`
	// Prefix begins the names of all keys and channels, so that several deployments may share a Redis.
	Prefix string

	// Timeout is how long an answer is waited for. A call that has none then has failed.
	Timeout time.Duration
	// DialTimeout is how long a connection may take.
	DialTimeout time.Duration
	// Calls is how many may wait for answers at once; others wait for them, within the timeout.
	Calls int
	// BreakerFailures in a row are taken as a sign that Redis does not answer: calls fail at once then.
	BreakerFailures int
	// BreakerRest is how often one of them tries whether it does again.
	BreakerRest time.Duration

	// Lease is how long a node counts as alive that does not say so.
	Lease time.Duration
	// Renew is how often it says so.
	Renew time.Duration
	// Report is how often a node says again where its users are, in case that Redis evicted it: what is lost as a whole is noticed within
	// a renewal. A million users are a million writes.
	Report time.Duration

	// InboxBytes is what may wait on a node of what others deliver to it. Beyond that deliveries are dropped, and devices are told to
	// look for what they missed.
	InboxBytes int

	// TimelineIdle is how long the timeline of a user stays in Redis who does not ask for it. After that it is made anew.
	TimelineIdle time.Duration
	// HotEntries is how many of the newest entries of a conversation are kept for those who pull them.
	HotEntries int
	// HotBytes is how many bytes of them.
	HotBytes int
	// HotExpiry is for how long after the last one was written.
	HotExpiry time.Duration
}

// DefaultConfig returns the defaults, without an address.
func DefaultConfig() Config {
	return Config{
		Prefix:  "throng",
		Timeout: 500 * time.Millisecond, DialTimeout: 2 * time.Second, Calls: 1_024, BreakerFailures: 8, BreakerRest: time.Second,
		Lease: 8 * time.Second, Renew: time.Second, Report: 5 * time.Minute,
		InboxBytes:   32 << 20,
		TimelineIdle: 14 * 24 * time.Hour,
		HotEntries:   256, HotBytes: 256 << 10, HotExpiry: time.Hour,
	}
}

// Bounds of the lease, in which others still learn in time that a node is gone.
const (
	leastLease = 2 * time.Second
	mostLease  = 9 * time.Second
	mostPrefix = 64
)

// Validate says what is wrong with the settings.
func (c Config) Validate() error {
	var problems []error
	problem := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	if len(c.Addresses) == 0 {
		problem("addresses: name at least one, as host:port")
	}
	if len(c.Addresses) > 1 && !c.Cluster {
		problem("addresses: several servers are those of a Redis Cluster; set cluster, or name one server")
	}
	for _, a := range c.Addresses {
		if _, _, err := net.SplitHostPort(a); err != nil {
			problem("addresses: %q is not written as host:port", a)
		}
	}
	if c.CAFile != "" && !c.TLS {
		problem("ca_file: it is of no use without tls")
	}
	if c.Prefix == "" || len(c.Prefix) > mostPrefix || strings.ContainsAny(c.Prefix, "{}*?[]\\ \t\r\n") {
		problem("prefix: it has 1 to %d characters, no white space, and none of {}*?[]\\", mostPrefix)
	}
	for _, d := range []struct {
		name        string
		value       time.Duration
		least, most time.Duration
	}{
		{"timeout", c.Timeout, 10 * time.Millisecond, 5 * time.Second},
		{"dial_timeout", c.DialTimeout, 10 * time.Millisecond, 10 * time.Second},
		{"lease", c.Lease, leastLease, mostLease},
		{"renew", c.Renew, 100 * time.Millisecond, c.Lease / 2},
		{"report", c.Report, time.Second, time.Hour},
		{"timeline_idle", c.TimelineIdle, time.Minute, 365 * 24 * time.Hour},
		{"hot_expiry", c.HotExpiry, time.Second, 7 * 24 * time.Hour},
	} {
		if d.value < d.least || d.value > d.most {
			problem("%s: %v is not from %v to %v", d.name, d.value, d.least, d.most)
		}
	}
	for _, n := range []struct {
		name               string
		value, least, most int
	}{
		{"calls", c.Calls, 16, 1 << 16},
		{"inbox_bytes", c.InboxBytes, 1 << 20, 1 << 30},
		{"hot_entries", c.HotEntries, 100, 1_000},
		{"hot_bytes", c.HotBytes, 16 << 10, 16 << 20},
	} {
		if n.value < n.least || n.value > n.most {
			problem("%s: %d is not from %d to %d", n.name, n.value, n.least, n.most)
		}
	}
	if err := c.breaker().Validate(); err != nil {
		problem("breaker_failures, breaker_rest: %w", err)
	}
	return errors.Join(problems...)
}

func (c Config) breaker() breaker.Config {
	return breaker.Config{Failures: c.BreakerFailures, Rest: c.BreakerRest}
}
