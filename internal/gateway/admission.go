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
	shut func() bool // nobody is let in; nil: never

	// guarded by mu
	mu        sync.Mutex
	total     int
	pending   int // without a checked token
	addresses map[string]held
	draining  bool
}

// held is how many connections an address has.
type held struct {
	total   int
	pending int
}

// verdict is what the admission says to a handshake.
type verdict uint8

const (
	admitted verdict = iota
	tooManyHere
	tooManyFromAddress
	shut
	stopping
)

func newAdmission(cfg *Config) *admission {
	return &admission{
		cfg: cfg, rate: rate.NewLimiter(rate.Limit(cfg.HandshakeRate), cfg.HandshakeRate), addresses: make(map[string]held),
	}
}

// enter counts a connection in, or says why not.
func (a *admission) enter(addr string) verdict {
	a.mu.Lock()
	defer a.mu.Unlock()
	h := a.addresses[addr]
	switch {
	case a.draining:
		return stopping
	case a.shut != nil && a.shut():
		return shut
	case h.total >= a.cfg.MaxPerAddress, h.pending >= a.cfg.MaxPendingPerAddress:
		return tooManyFromAddress
	case a.total >= a.cfg.MaxConnections, a.pending >= a.cfg.MaxPending, !a.rate.Allow():
		return tooManyHere
	}
	a.total++
	a.pending++
	a.addresses[addr] = held{total: h.total + 1, pending: h.pending + 1}
	return admitted
}

// settled tells that a connection's token was checked, or that it went without.
func (a *admission) settled(addr string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.pending--
	h := a.addresses[addr]
	h.pending--
	a.addresses[addr] = h
}

// leave counts a connection out, which has been settled by then.
func (a *admission) leave(addr string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.total--
	h := a.addresses[addr]
	if h.total--; h.total <= 0 {
		delete(a.addresses, addr)
		return
	}
	a.addresses[addr] = h
}

// stop refuses everybody from now on.
func (a *admission) stop() {
	a.mu.Lock()
	a.draining = true
	a.mu.Unlock()
}
