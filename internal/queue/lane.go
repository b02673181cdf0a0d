package queue

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/trace"
)

// lane is what a relay knows of one lane. Its goroutine waits while the lane is another node's.
type lane struct {
	// immutable after construction
	number Lane
	relay  *Relay
	wake   chan struct{} // a token: there may be something

	// guarded by mu
	mu      sync.Mutex
	until   time.Time          // end of the lease by the local monotonic clock; zero for none
	busy    bool               // the goroutine is at it, or rests after a failure
	cancel  context.CancelFunc // ends what is under way; nil for nothing
	since   time.Time          // when the oldest event was committed that is known to wait; zero for none
	pending int                // how many were read and are not published
	// published are those that the sweeper is about to drop: they are still read until then. Swept are those of them that it has dropped
	// while the lane was reading: what is read may be from before that.
	published map[Ticket]struct{}
	swept     []Ticket
	reading   bool
	told      time.Time // when somebody last said that something was committed
}

// lend notes until when the lane is this node's. One that is so no longer stops at once.
func (l *lane) lend(until time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	gained := l.until.IsZero() && !until.IsZero()
	l.until = until
	switch {
	case gained:
		l.nudge()
	case until.IsZero():
		l.since, l.pending, l.published = time.Time{}, 0, nil // the next holder's
		if l.cancel != nil {
			l.cancel()
		}
	}
}

func (l *lane) nudge() {
	select {
	case l.wake <- struct{}{}:
	default: // there is a token
	}
}

// tell has the lane looked at, because somebody says that there is something.
func (l *lane) tell(now time.Time) {
	l.mu.Lock()
	l.told = now
	l.mu.Unlock()
	l.nudge()
}

func (l *lane) toldAt() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.told
}

// leased reports until when the lane is this node's, if it is.
func (l *lane) leased() (time.Time, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.until, time.Now().Before(l.until)
}

// idle reports whether the lane is this node's and nothing is done about it.
func (l *lane) idle() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.busy && len(l.published) == 0 && time.Now().Before(l.until)
}

func (l *lane) behind() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.since.IsZero() {
		return 0
	}
	return time.Since(l.since)
}

func (l *lane) setBusy(busy bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.busy = busy
}

// run relays the lane whenever it is woken, until ctx ends.
func (l *lane) run(ctx context.Context) {
	for {
		select {
		case <-l.wake:
		case <-ctx.Done():
			return
		}
		l.setBusy(true)
		l.drain(ctx)
		l.setBusy(false)
	}
}

// drain publishes until nothing is left, or the lease has ended.
func (l *lane) drain(ctx context.Context) {
	rest := time.Duration(0)
	defer func() {
		if rest > 0 {
			l.relay.recovered(false, l)
		}
	}()
	for {
		until, ok := l.leased()
		if !ok || ctx.Err() != nil {
			return
		}
		more, step, err := l.attempt(ctx, until)
		switch {
		case err == nil:
			if rest > 0 {
				l.relay.recovered(true, l)
			}
			rest = 0
			if !more {
				return
			}
		case ctx.Err() != nil:
			return
		default:
			if rest == 0 {
				l.relay.stuck(l, step, err)
			}
			l.relay.metrics.errors.WithLabelValues(step).Inc()
			rest = min(max(minBackoff, 2*rest), l.relay.cfg.Backoff)
			pause(ctx, rest/2+rand.N(rest/2+1)) //nolint:gosec // G404: chance, not a secret
		}
	}
}

// attempt reads the oldest events, publishes them and leaves it to the sweeper to drop them. The lease bounds it, and so does its loss.
// More reports that there is more to read; step names what failed.
func (l *lane) attempt(ctx context.Context, until time.Time) (more bool, step string, err error) {
	ctx, cancel := context.WithDeadline(ctx, until)
	defer cancel()
	l.mu.Lock()
	l.cancel = cancel
	if l.until.IsZero() { // lost since drain looked
		cancel()
	}
	l.mu.Unlock()
	defer func() {
		l.mu.Lock()
		l.cancel = nil
		l.mu.Unlock()
	}()

	r := l.relay
	unswept := l.read()
	if unswept >= maxUnswept {
		return false, "done", errUnswept
	}
	limit := r.cfg.Batch + unswept
	found, err := read(ctx, r, func(ctx context.Context) ([]Pending, error) { return r.outbox.Pending(ctx, l.number, limit) })
	if err != nil {
		l.unpublished(nil)
		return false, "pending", err
	}
	all, pending := len(found), l.unpublished(found)
	l.note(pending)
	if len(pending) == 0 {
		return false, "", nil
	}
	events, tickets := make([]chat.Event, len(pending)), make([]Ticket, len(pending))
	for i, p := range pending {
		events[i], tickets[i] = p.Event, p.Ticket
	}
	begin := time.Now()
	if mutant == mutantDoneFirst {
		_ = r.outbox.Done(ctx, tickets)
	}
	if err := r.publisher.Publish(ctx, l.number, events); err != nil && mutant != mutantSkipsRefused {
		return false, "publish", err
	}
	r.metrics.published.Add(float64(len(events)))
	r.metrics.seconds.Observe(time.Since(begin).Seconds())
	l.traced(pending, begin)
	more = all >= limit
	l.hand(tickets)
	l.left(more, pending[len(pending)-1].Age+time.Since(begin))
	return more, "", nil
}

// traced notes that entries were published, which began at a moment.
func (l *lane) traced(pending []Pending, begin time.Time) {
	t := l.relay.trace
	if !t.On() {
		return
	}
	end := time.Now()
	for i := range pending {
		e := pending[i].Event.Entry
		if e == nil {
			continue
		}
		committed := begin.Add(-pending[i].Age)
		t.Add(trace.Step{
			Kind: trace.Publish, Conversation: uint64(e.Conversation), Seq: uint64(e.Seq), User: uint64(e.Sender),
			Start: committed.UnixNano(), Took: end.Sub(committed), Counts: [4]uint32{uint32(l.number), uint32(len(pending))},
		})
	}
}

// maxUnswept is how many events of a lane may be published and not dropped, a batch more or less, before it waits for the sweeper: they
// are read again each time.
const maxUnswept = 4_096

// errUnswept says that the sweeper is behind, or that the outbox does not take what it drops.
var errUnswept = errors.New("what was published is not dropped")

// hand gives what was published to the sweeper. A lane that is another node's by now does not remember it.
func (l *lane) hand(tickets []Ticket) {
	l.mu.Lock()
	if !l.until.IsZero() {
		if l.published == nil {
			l.published = make(map[Ticket]struct{}, len(tickets))
		}
		for _, t := range tickets {
			l.published[t] = struct{}{}
		}
	}
	l.mu.Unlock()
	l.relay.sweeper.add(l, tickets)
}

// dropped forgets what the sweeper has dropped, once nothing that is being read can be from before.
func (l *lane) dropped(t Ticket) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.reading {
		l.swept = append(l.swept, t)
		return
	}
	delete(l.published, t)
}

// read begins a reading, and returns how many are published and not dropped.
func (l *lane) read() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.forget()
	l.reading = len(l.published) < maxUnswept
	return len(l.published)
}

// forget must be called with mu held, while nothing is being read.
func (l *lane) forget() {
	for _, t := range l.swept {
		delete(l.published, t)
	}
	l.swept, l.reading = nil, false
}

// unpublished leaves out what is published already, and ends the reading.
func (l *lane) unpublished(found []Pending) []Pending {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer l.forget()
	if len(l.published) == 0 {
		return found
	}
	left := make([]Pending, 0, len(found))
	for _, p := range found {
		if _, ok := l.published[p.Ticket]; !ok {
			left = append(left, p)
		}
	}
	return left
}

// note remembers since when something waits. An event that was seen again may have grown older on another clock.
func (l *lane) note(pending []Pending) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.until.IsZero() {
		return
	}
	l.pending = len(pending)
	if len(pending) == 0 {
		l.since = time.Time{}
		return
	}
	var oldest time.Duration
	for _, p := range pending {
		oldest = max(oldest, p.Age)
	}
	if since := time.Now().Add(-oldest); l.since.IsZero() || since.Before(l.since) {
		l.since = since
	}
}

// left notes what waits behind those that were published: nothing, or what is about as old as the last of them. The next reading says.
func (l *lane) left(more bool, age time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pending, l.since = 0, time.Time{}
	if more && !l.until.IsZero() {
		l.since = time.Now().Add(-age)
	}
}

// stuck and recovered log the first lane that cannot be relayed, and the last one that can be again: a queue that is away concerns
// them all.
func (r *Relay) stuck(l *lane, step string, err error) {
	r.mu.Lock()
	r.failing++
	first := r.failing == 1
	r.mu.Unlock()
	if first {
		r.log.Warn("events wait in the outbox, they cannot be relayed now", "lane", int(l.number), "step", step, "error", err)
	}
}

func (r *Relay) recovered(published bool, l *lane) {
	r.mu.Lock()
	r.failing--
	last := r.failing == 0
	r.mu.Unlock()
	if last && published {
		r.log.Info("events are relayed again", "lane", int(l.number))
	}
}
