package limit

import (
	"context"
	"sync/atomic"
	"time"
)

const (
	// claimsAtOnce is how many claims go together.
	claimsAtOnce = 512
	// apart is how far apart they begin at least.
	apart = 20 * time.Millisecond
	// tick is how often buckets with shares are looked through, sweepMost how many of each limiter; idle is it where there are none.
	tick      = 50 * time.Millisecond
	sweepMost = 4_096
	idle      = time.Second
	// failing is how long it rests where shares cannot be had.
	failing = 200 * time.Millisecond
	// farewell is how long the node tries to give back what it has when it stops.
	farewell = 500 * time.Millisecond
)

// Sharing limits over all nodes of a deployment: it leases for its limiters, behind their takes, what these need of buckets that nodes
// share ([Shares]). A take never waits for that.
//
//	Take → leased?  ──yes──→ let through
//	        └─no──→ the node's part: 1/n of rate and burst, n nodes
//	                  └→ more than a little used → queue ──Run──→ Shares: spent, wants → leased, or how long to wait
//
// Who uses little of a bucket stays in the node's part of it, and costs the nodes nothing together: up to 1/16 of the rate. Who uses more
// has a share: tokens that were leased, for some times as much as was taken since the last claim, and given back after two quiet
// seconds. What is taken before the shared bucket has answered, at most a quarter of the node's part, it is told of, and owed.
//
// With a bucket of rate r and burst b, n nodes let through, in any time t,
//
//	b + r·t,  and beyond that at most  n·⌈b/4n⌉ + n·⌈b/2n⌉ + r·t/16
//
// which are what nodes took before they had an answer, what they had leased before, and what nobody was told of. Where answers take longer
// than 100 ms, or do not come, the node goes on with its part, which all together are the bucket once more; so a b comes on top at the
// most, when shares are lost or come back. A node that takes itself for the only one has the whole.
type Sharing struct {
	// immutable after construction
	shares Shares
	count  func() int
	now    func() time.Time
	wakes  chan struct{} // capacity 1: something waits to claim

	parties []party // set while wiring

	// used by one goroutine
	claims  []Claim
	turn    int
	counted time.Time
	began   time.Time // the last call

	nodes  atomic.Int64
	away   atomic.Bool
	hot    atomic.Int64
	made   atomic.Uint64
	parted atomic.Uint64
}

// party is a limiter, whatever its keys are.
type party interface {
	sweep(most int, stopping bool) (hot int)
	collect(claims []Claim, most int) []Claim
	settle(claims []Claim, err error)
}

// NewSharing makes what limiters share by ([Limiter.Share]). Nodes says how many nodes limit now; it is asked once a second and must not
// block. Now is a clock that does not run backwards; nil is time.Now.
func NewSharing(shares Shares, nodes func() int, now func() time.Time) *Sharing {
	if now == nil {
		now = time.Now
	}
	s := &Sharing{shares: shares, count: nodes, now: now, wakes: make(chan struct{}, 1)}
	s.look()
	return s
}

// look counts the nodes.
func (s *Sharing) look() {
	s.counted = s.now()
	s.nodes.Store(int64(max(s.count(), 1)))
}

// wake has claims made soon. It never blocks.
func (s *Sharing) wake() {
	select {
	case s.wakes <- struct{}{}:
	default:
	}
}

// Run claims until ctx ends. Then it gives back what the node has.
func (s *Sharing) Run(ctx context.Context) error {
	t := time.NewTimer(0)
	defer t.Stop()
	for {
		select {
		case <-s.wakes:
			if rest := apart - s.now().Sub(s.began); rest > 0 && !pause(ctx, rest) {
				continue
			}
		case <-t.C:
		case <-ctx.Done():
			s.leave(context.WithoutCancel(ctx))
			return nil
		}
		s.Round(ctx)
		switch {
		case s.away.Load() && !pause(ctx, failing):
		case s.hot.Load() > 0:
			t.Reset(tick)
		default:
			t.Reset(idle)
		}
	}
}

// pause waits, and reports whether ctx is still there.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// Round looks who has to claim, and claims once. It is for one caller at a time, who calls it again at once while it returns that more
// wait.
func (s *Sharing) Round(ctx context.Context) (more bool) {
	if s.now().Sub(s.counted) >= idle {
		s.look()
	}
	return s.round(ctx, false)
}

func (s *Sharing) round(ctx context.Context, stopping bool) (more bool) {
	hot := 0
	for _, p := range s.parties {
		hot += p.sweep(sweepMost, stopping)
	}
	s.hot.Store(int64(hot))
	if hot == 0 {
		s.away.Store(false) // nobody is missing anything
	}
	s.claims = s.claims[:0]
	ends := make([]int, len(s.parties))
	s.turn++
	for i := range s.parties {
		s.claims = s.of(i).collect(s.claims, claimsAtOnce)
		ends[i] = len(s.claims)
	}
	if len(s.claims) == 0 {
		return false
	}
	s.began = s.now()
	err := s.shares.Lease(ctx, s.claims)
	if ctx.Err() == nil {
		s.away.Store(err != nil)
	}
	s.made.Add(uint64(len(s.claims)))
	begin := 0
	for i, end := range ends {
		s.of(i).settle(s.claims[begin:end], err)
		begin = end
	}
	if more = len(s.claims) == claimsAtOnce; more {
		s.wake()
	}
	return more
}

// of is a limiter, of whom another comes first each round.
func (s *Sharing) of(i int) party { return s.parties[(s.turn+i)%len(s.parties)] }

// leave gives back what the node has; what it does not get to the others have a moment later by themselves.
func (s *Sharing) leave(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, farewell)
	defer cancel()
	for s.round(ctx, true) && ctx.Err() == nil && !s.away.Load() {
	}
}

// State is what sharing does now, and has done.
type State struct {
	Nodes  int    // that buckets are divided among
	Hot    int    // keys with a share
	Away   bool   // the last claims were not answered, and the node goes on with its part
	Claims uint64 // made since the start
	Parted uint64 // takes since the start for which the node's part decided, since no answer came
}

// State returns it.
func (s *Sharing) State() State {
	return State{
		Nodes: int(s.nodes.Load()), Hot: int(s.hot.Load()), Away: s.away.Load(), Claims: s.made.Load(), Parted: s.parted.Load(),
	}
}
