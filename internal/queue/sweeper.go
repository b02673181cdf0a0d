package queue

import (
	"context"
	"sync"
	"time"
)

const (
	// sweepEvery is how long published events of all lanes are gathered before they are dropped together: dropping costs a commit, as
	// much as an append does.
	sweepEvery = 20 * time.Millisecond
	// sweepMost is how many are dropped by one call.
	sweepMost = 1_000
)

// sweeper drops from the outbox what was published, behind the lanes, which go on publishing meanwhile. What it has not dropped when
// the node is lost is published again by the next holder of the lane.
type sweeper struct {
	// immutable after construction
	relay *Relay
	kick  chan struct{} // capacity 1: something is due

	// guarded by mu
	mu  sync.Mutex
	due []sweeping
}

// sweeping is a ticket that is to be dropped, and the lane that passes over it until then.
type sweeping struct {
	lane   *lane
	ticket Ticket
}

func newSweeper(r *Relay) *sweeper { return &sweeper{relay: r, kick: make(chan struct{}, 1)} }

// add takes tickets of published events. It never blocks; lanes bound what they have published.
func (s *sweeper) add(l *lane, tickets []Ticket) {
	s.mu.Lock()
	for _, t := range tickets {
		s.due = append(s.due, sweeping{l, t})
	}
	s.mu.Unlock()
	select {
	case s.kick <- struct{}{}:
	default:
	}
}

// run drops until ctx ends.
func (s *sweeper) run(ctx context.Context) {
	rest := time.Duration(0)
	for {
		select {
		case <-s.kick:
		case <-ctx.Done():
			return
		}
		pause(ctx, max(sweepEvery, rest))
		if s.sweep(ctx) {
			rest = 0
			continue
		}
		rest = min(max(minBackoff, 2*rest), s.relay.cfg.Backoff)
		select {
		case s.kick <- struct{}{}:
		default:
		}
	}
}

// sweep drops all that is due. It reports whether that went well; what did not stays due.
func (s *sweeper) sweep(ctx context.Context) bool {
	for {
		s.mu.Lock()
		some := s.due[:min(len(s.due), sweepMost)]
		s.mu.Unlock()
		if len(some) == 0 {
			return true
		}
		tickets := make([]Ticket, len(some))
		for i := range some {
			tickets[i] = some[i].ticket
		}
		_, err := read(ctx, s.relay, func(ctx context.Context) (struct{}, error) { return struct{}{}, s.relay.outbox.Done(ctx, tickets) })
		if err != nil {
			if ctx.Err() == nil {
				s.relay.failed("done", "dropping published events", err)
			}
			return false
		}
		for i := range some {
			some[i].lane.dropped(some[i].ticket)
		}
		s.mu.Lock()
		if s.due = s.due[len(some):]; len(s.due) == 0 {
			s.due = nil
		}
		s.mu.Unlock()
	}
}
