package gateway

import (
	"net/netip"
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
	addresses map[string]*held
	draining  bool
}

// held is how many connections an address has.
type held struct {
	// immutable after construction
	addr string

	// guarded by the admission's mu
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
		cfg: cfg, rate: rate.NewLimiter(rate.Limit(cfg.HandshakeRate), cfg.HandshakeRate), addresses: make(map[string]*held),
	}
}

// enter counts a connection in, or says why not. Of IPv6 a whole /64 is one address: that is what one customer has.
func (a *admission) enter(addr string) (*held, verdict) {
	if ip, err := netip.ParseAddr(addr); err == nil {
		addr = network(ip).String()
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	h := a.addresses[addr]
	switch {
	case a.draining:
		return nil, stopping
	case a.shut != nil && a.shut():
		return nil, shut
	case h != nil && (h.total >= a.cfg.MaxPerAddress || h.pending >= a.cfg.MaxPendingPerAddress):
		return nil, tooManyFromAddress
	case a.total >= a.cfg.MaxConnections, a.pending >= a.cfg.MaxPending, !a.rate.Allow():
		return nil, tooManyHere
	}
	if h == nil {
		h = &held{addr: addr}
		a.addresses[addr] = h
	}
	a.total++
	a.pending++
	h.total++
	h.pending++
	return h, admitted
}

// settled tells that a connection's token was checked, or that it went without.
func (a *admission) settled(h *held) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.pending--
	h.pending--
}

// leave counts a connection out, which has been settled by then.
func (a *admission) leave(h *held) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.total--
	if h.total--; h.total <= 0 {
		delete(a.addresses, h.addr)
	}
}

// stop refuses everybody from now on.
func (a *admission) stop() { a.drain(true) }

// resume lets people in again.
func (a *admission) resume() { a.drain(false) }

func (a *admission) drain(on bool) {
	a.mu.Lock()
	a.draining = on
	a.mu.Unlock()
}

// stopped reports that everybody is refused.
func (a *admission) stopped() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.draining
}

// count is how many connections there are.
func (a *admission) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.total
}
