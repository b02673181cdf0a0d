package breaker

import (
	"errors"
	"sync"
	"time"
)

// Errors of [Breaker.Begin].
var (
	// ErrOpen says that the dependency has not answered of late.
	ErrOpen = errors.New("the circuit breaker is open")
	// ErrFull says that as many calls are under way as may be.
	ErrFull = errors.New("too many calls are under way")
)

// State is whether calls go through.
type State uint8

// The states.
const (
	Closed State = iota
	HalfOpen
	Open
)

// Config of a breaker.
type Config struct {
	// Failures in a row open it.
	Failures int
	// Rest is how long it stays open before a call may try.
	Rest time.Duration
	// Calls is how many may be under way; 0 is no bound.
	Calls int
}

// Validate says what is wrong with the configuration.
func (c Config) Validate() error {
	if c.Failures < 1 || c.Rest <= 0 || c.Calls < 0 {
		return errors.New("a breaker opens after 1 failure or more, rests for a time above 0, and has no negative bound on calls")
	}
	return nil
}

// Breaker may be used from any goroutine. Make it with [New].
type Breaker struct {
	// immutable after construction
	cfg Config

	// guarded by mu
	mu       sync.Mutex
	state    State
	failures int       // in a row, while closed
	since    time.Time // when it opened
	era      uint64    // counts changes of state
	probing  bool      // a call tries, while half open
	under    int       // calls under way
}

// New makes a closed breaker. The configuration must be valid.
func New(cfg Config) *Breaker { return &Breaker{cfg: cfg} }

// Call is one that was let through. It is ended once.
type Call struct {
	b   *Breaker
	era uint64
}

// Begin asks whether a call may be made: ErrOpen or ErrFull if not. It never blocks.
func (b *Breaker) Begin() (Call, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.state == Open && time.Since(b.since) >= b.cfg.Rest {
		b.become(HalfOpen)
	}
	switch {
	case b.state == Open, b.state == HalfOpen && b.probing:
		return Call{}, ErrOpen
	case b.cfg.Calls > 0 && b.under >= b.cfg.Calls && b.state == Closed:
		return Call{}, ErrFull
	}
	b.probing = b.state == HalfOpen
	b.under++
	return Call{b: b, era: b.era}, nil
}

// End tells how the call ended. Failed is that the dependency did not answer, or answered that it cannot; that the caller gave
// up, or that it refused this very call, is no failure.
func (c Call) End(failed bool) {
	b := c.b
	b.mu.Lock()
	defer b.mu.Unlock()
	b.under--
	if c.era != b.era {
		return
	}
	switch {
	case !failed:
		b.failures = 0
		if b.state != Closed {
			b.become(Closed)
		}
	case b.state == HalfOpen:
		b.become(Open)
	default:
		if b.failures++; b.failures >= b.cfg.Failures {
			b.become(Open)
		}
	}
}

// Drop ends a call that says nothing about the dependency: its caller gave up. Another one may try instead.
func (c Call) Drop() {
	b := c.b
	b.mu.Lock()
	defer b.mu.Unlock()
	b.under--
	if c.era == b.era {
		b.probing = false
	}
}

// become must be called with mu held.
func (b *Breaker) become(s State) {
	b.state, b.failures, b.probing = s, 0, false
	b.era++
	if s == Open {
		b.since = time.Now()
	}
}

// State tells whether calls go through, as of now. An open breaker that has rested is half open.
func (b *Breaker) State() State {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.state == Open && time.Since(b.since) >= b.cfg.Rest {
		return HalfOpen
	}
	return b.state
}
