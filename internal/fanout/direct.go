package fanout

import (
	"context"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/throng-im/throng/internal/chat"
)

const (
	// directRuns bounds how many runs of events wait to be delivered directly; what does not fit is found by digests.
	directRuns = 256
	// directAtOnce is how many events are delivered together, or one run more: about what a stream brings at once.
	directAtOnce = 1_024
)

// Direct delivers what this node has committed for as long as the queue that should bring it is away: so that a conversation goes on
// live, by way of every node that appends to it. Entries of one conversation that several nodes append may come in any order, and
// all of them come again once the queue is back; devices know seqs, pull what is missing and pass over what they have.
type Direct struct {
	// immutable after construction
	follower follower
	behind   func() time.Duration
	after    time.Duration
	runs     chan []chat.Event
	count    prometheus.Counter
	missed   prometheus.Counter
}

// NewDirect makes one. Behind says for how long the oldest event has been waiting to be published; where it is longer than
// Config.DirectAfter, the queue counts as away.
func (f *Fanout) NewDirect(behind func() time.Duration) *Direct {
	return &Direct{
		follower: follower{Fanout: f, cache: newCache(f.cfg.CacheMembers)},
		behind:   behind, after: f.cfg.DirectAfter, runs: make(chan []chat.Event, directRuns),
		count: f.metrics.direct, missed: f.metrics.lost,
	}
}

// Committed takes events that this node has just committed, in order. It never blocks, and may be called from any goroutine. The
// slice is kept.
func (d *Direct) Committed(events []chat.Event) {
	if d.behind() < d.after {
		return
	}
	select {
	case d.runs <- events:
	default:
		d.missed.Add(float64(len(events)))
	}
}

// Run delivers until ctx ends.
func (d *Direct) Run(ctx context.Context) error {
	for {
		select {
		case run := <-d.runs:
			events := d.gather(run)
			d.count.Add(float64(len(events)))
			if err := d.follower.events(ctx, events); err != nil && ctx.Err() == nil {
				d.missed.Inc()
				d.follower.log.Debug("not all direct deliveries were made", "error", err)
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// gather returns a run and those that wait behind it: they share their round trips, so that a node whose round trips take long does not
// fall behind what it commits.
func (d *Direct) gather(run []chat.Event) []chat.Event {
	events := slices.Clip(run) // what lies behind a run is not ours
	for len(events) < directAtOnce {
		select {
		case more := <-d.runs:
			events = append(events, more...)
		default:
			return events
		}
	}
	return events
}
