package gateway

import (
	"sync"

	"golang.org/x/time/rate"
)

// admission bounds handshakes and connections before they cost anything.
type admission struct {
	// immutable after construction
	cfg  *Config
	rate *rate.Limiter

	// guarded by mu
	mu        sync.Mutex
	total     int
	pending   int // without a checked token
	addresses map[string]int
	draining  bool
}

// verdict is what the admission says to a handshake.
type verdict uint8

const (
	admitted verdict = iota
	tooManyHere
	tooManyFromAddress
	stopping
)

func newAdmission(cfg *Config) *admission {
	return &admission{
		cfg: cfg, rate: rate.NewLimiter(rate.Limit(cfg.HandshakeRate), cfg.HandshakeRate), addresses: make(map[string]int),
	}
}

// enter counts a connection in, or says why not.
func (a *admission) enter(addr string) verdict {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case a.draining:
		return stopping
	case a.addresses[addr] >= a.cfg.MaxPerAddress:
		return tooManyFromAddress
	case a.total >= a.cfg.MaxConnections, a.pending >= a.cfg.MaxPending, !a.rate.Allow():
		return tooManyHere
	}
	a.total++
	a.pending++
	a.addresses[addr]++
	return admitted
}

// settled tells that a connection's token was checked, or that it went without.
func (a *admission) settled() {
	a.mu.Lock()
	a.pending--
	a.mu.Unlock()
}

// leave counts a connection out.
func (a *admission) leave(addr string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.total--
	if a.addresses[addr]--; a.addresses[addr] <= 0 {
		delete(a.addresses, addr)
	}
}

// stop refuses everybody from now on.
func (a *admission) stop() {
	a.mu.Lock()
	a.draining = true
	a.mu.Unlock()
}
