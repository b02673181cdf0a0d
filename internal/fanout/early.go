package fanout

import (
	"context"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/queue"
)

// Early delivers what a relay has read from its outbox, before it is published: a message then does not wait for the queue. The followers of the
// streams pass over what it has delivered.
type Early struct {
	// immutable after construction
	lanes [queue.Lanes]*follower // each owned by who delivers the lane's events
}

// laneShare is the part of the members' cache that a lane has: nodes share the lanes out among themselves.
const laneShare = queue.Lanes / 4

// NewEarly makes one.
func (f *Fanout) NewEarly() *Early {
	e := &Early{}
	for i := range e.lanes {
		e.lanes[i] = &follower{Fanout: f, cache: newCache(max(1, f.cfg.CacheMembers/laneShare))}
	}
	return e
}

// Deliver takes events of a lane to their receivers, in order; it may be called by one goroutine at a time for a lane. With an error it has
// delivered some of them. What routes or bus are not there for is let go of, without an error.
func (e *Early) Deliver(ctx context.Context, lane queue.Lane, events []chat.Event) error {
	return e.lanes[lane].events(ctx, events)
}
