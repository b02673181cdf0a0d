package queue

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/throng-im/throng/internal/trace"
)

const (
	// minBackoff is the first rest of a lane after a failure; it doubles with each further one.
	minBackoff = 50 * time.Millisecond
	// renewals is how often in the time of a lease it is renewed: two of them may fail.
	renewals = 4
	// slack is the part of a lease that is not used, for clocks that do not run at the same speed.
	slack = 20
	// closing bounds calls that are made although their reason has ended: what was published is dropped, lanes are given back.
	closing = 3 * time.Second
	// lively is for how long a relay looks more often that found events of which nobody told it.
	lively = time.Second
	// onItsWay is how long before a look a lane may have been told of what the look finds, and not have begun with it.
	onItsWay = 30 * time.Millisecond
	// hurry is how much more often that is.
	hurry = 10
)

// RelayDeps are what a relay needs from others.
type RelayDeps struct {
	// Node names this node among those that lease lanes: its incarnation, not its host.
	Node      string
	Outbox    Outbox
	Publisher Publisher
	// Metrics and Logger may be nil.
	Metrics prometheus.Registerer
	Logger  *slog.Logger
	// Trace notes what was published; nil notes nothing.
	Trace *trace.Tracer
}

// Relay takes events from the outbox into the streams, in order per conversation and at least once. It relays the lanes that its
// node has leased:
//
//	lease ──→ lanes ──→ read the oldest ──→ publish ──→ read again, or wait for [Relay.Wake] or a look
//	                          ↑                │ error     │ those of all lanes, a little later
//	                          └── back off ────┘           └──→ drop them
//
// What is published begins with the oldest event that is not dropped, and nothing is dropped that was not published. So whatever
// fails in between, and also while two relays believe that they have a lane, the first occurrences of a conversation's events
// are in order, and what comes out of order is a repeat.
//
// Its methods may be called from any goroutine, Run once.
type Relay struct {
	// immutable after construction
	cfg       RelayConfig
	node      string
	outbox    Outbox
	publisher Publisher
	log       *slog.Logger
	metrics   *relayMetrics
	trace     *trace.Tracer
	reads     chan struct{} // holds a token for each call to the outbox
	lanes     [Lanes]*lane
	sweeper   *sweeper

	// guarded by mu
	mu      sync.Mutex
	failing int                  // lanes whose last publication failed
	said    map[string]time.Time // when it was last said that a step fails
}

// NewRelay makes a relay that does nothing before Run.
func NewRelay(cfg RelayConfig, deps RelayDeps) (*Relay, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	r := &Relay{
		cfg: cfg, node: deps.Node, outbox: deps.Outbox, publisher: deps.Publisher, log: deps.Logger, trace: deps.Trace,
		reads: make(chan struct{}, cfg.Reads), said: make(map[string]time.Time),
	}
	if r.log == nil {
		r.log = slog.New(slog.DiscardHandler)
	}
	for i := range r.lanes {
		r.lanes[i] = &lane{number: Lane(i), relay: r, wake: make(chan struct{}, 1)}
	}
	r.sweeper = newSweeper(r)
	r.metrics = newRelayMetrics(deps.Metrics, r)
	return r, nil
}

// Run relays until ctx ends, then gives the lanes back and returns nil.
func (r *Relay) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	for _, l := range r.lanes {
		wg.Go(func() { l.run(ctx) })
	}
	wg.Go(func() { r.look(ctx) })
	wg.Go(func() { r.sweeper.run(ctx) })
	r.lease(ctx)
	wg.Wait()
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), closing)
	defer cancel()
	r.sweeper.sweep(last)
	if err := r.outbox.Release(last, r.node); err != nil {
		r.failed("release", "giving lanes back", err)
	}
	return nil
}

// Wake says that something was committed in the lanes. It never blocks; those of other nodes are passed over.
func (r *Relay) Wake(lanes ...Lane) {
	now := time.Now()
	for _, n := range lanes {
		if n >= 0 && n < Lanes {
			r.lanes[n].tell(now)
		}
	}
}

// Held are the lanes that this node has leased now, a bit for each.
func (r *Relay) Held() uint64 {
	var held uint64
	for n, l := range r.lanes {
		if _, ok := l.leased(); ok {
			held |= 1 << n
		}
	}
	return held
}

// Behind is how long the oldest event of this node's lanes has been waiting to be published: milliseconds while all is well. An
// event counts from when it was committed, so far as this node has seen it.
func (r *Relay) Behind() time.Duration {
	var most time.Duration
	for _, l := range r.lanes {
		most = max(most, l.behind())
	}
	return most
}

// lease renews the leases until ctx ends.
func (r *Relay) lease(ctx context.Context) {
	for ctx.Err() == nil {
		rest := r.cfg.Lease / renewals
		if err := r.renew(ctx); err != nil && ctx.Err() == nil {
			rest = min(rest, max(minBackoff, r.cfg.Lease/slack))
			r.failed("lease", "leasing lanes", err)
		}
		pause(ctx, rest)
	}
	for _, l := range r.lanes {
		l.lend(time.Time{})
	}
}

func (r *Relay) renew(ctx context.Context) error {
	begin := time.Now()
	call, cancel := context.WithTimeout(ctx, r.cfg.Lease/renewals)
	defer cancel()
	given, err := r.outbox.Lease(call, r.node, r.cfg.Lease)
	if err != nil {
		return err
	}
	var until [Lanes]time.Time
	for _, n := range given {
		until[n] = begin.Add(r.cfg.Lease - r.cfg.Lease/slack)
	}
	for n, l := range r.lanes {
		l.lend(until[n])
	}
	r.metrics.lanes.Set(float64(len(given)))
	return nil
}

// look wakes the lanes in which something waits that nobody told this node of. What it finds may just be on its way: the next look, which
// follows soon, shows whether anybody told of it. Where nobody did, it looks more often for a while.
func (r *Relay) look(ctx context.Context) {
	var untold, looked time.Time
	var found []Lane
	for ctx.Err() == nil {
		rest := r.cfg.Look
		if len(found) > 0 || time.Since(untold) < lively {
			rest /= hurry
		}
		pause(ctx, rest)
		for _, n := range found {
			if r.lanes[n].toldAt().Before(looked.Add(-onItsWay)) {
				untold = time.Now()
			}
		}
		found, looked = nil, time.Now()
		var idle []Lane
		for _, l := range r.lanes {
			if l.idle() {
				idle = append(idle, l.number)
			}
		}
		if len(idle) == 0 || ctx.Err() != nil {
			continue
		}
		waiting, err := read(ctx, r, func(ctx context.Context) ([]Lane, error) { return r.outbox.Waiting(ctx, idle) })
		if ctx.Err() != nil {
			return // stopping is no error
		}
		if err != nil {
			r.failed("waiting", "looking for events", err)
			pause(ctx, r.cfg.Look)
			continue
		}
		found = waiting
		for _, n := range waiting {
			r.lanes[n].nudge()
		}
	}
}

// read makes a call to the outbox when there are not too many.
func read[T any](ctx context.Context, r *Relay, call func(ctx context.Context) (T, error)) (T, error) {
	select {
	case r.reads <- struct{}{}:
		defer func() { <-r.reads }()
		return call(ctx)
	case <-ctx.Done():
		var none T
		return none, context.Cause(ctx)
	}
}

// sayEvery is how often it is said that a step fails: an outbox that is away refuses it ten times a second.
const sayEvery = time.Second

// failed notes an error that is not the end of a context.
func (r *Relay) failed(step, doing string, err error) {
	r.metrics.errors.WithLabelValues(step).Inc()
	r.mu.Lock()
	quiet := time.Since(r.said[step]) < sayEvery
	if !quiet {
		r.said[step] = time.Now()
	}
	r.mu.Unlock()
	if quiet {
		return
	}
	r.log.Warn("the relay goes on after an error", "step", doing, "error", err)
}

// pause waits, at most until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
