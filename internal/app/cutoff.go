package app

import (
	"context"
	"sync"
	"time"
)

const (
	// cutOffEvery is how often a node looks whether it is cut off, and cutOffLimit how long an engine may take to answer that.
	cutOffEvery = time.Second
	cutOffLimit = 3 * time.Second
	// cutOffAfter is for how long neither engine may have answered before the node sends its people away, and cutOffOver over what time.
	cutOffAfter = 5 * time.Second
	cutOffOver  = 3 * time.Second
)

// cutOff notices that the node reaches neither the databases nor what it meets other nodes by. It cannot store, cannot hear of what is
// revoked, and the others count it as gone; but its people's connections stand, and they would wait on it. It is most likely the one that
// is cut off, so they go to the others, and are taken again once one of the two answers. A database that is away by itself is away for
// all: people stay where they are.
type cutOff struct {
	// immutable after construction
	storage, meets func(ctx context.Context) error
	others         func(ctx context.Context) bool
	drainer        *drainer

	// owned by run
	company bool      // there were others when that could last be asked
	since   time.Time // neither has answered; zero while one does
}

func newCutOff(storage, meets func(ctx context.Context) error, others func(ctx context.Context) bool, d *drainer) *cutOff {
	return &cutOff{storage: storage, meets: meets, others: others, drainer: d}
}

// run looks until ctx ends.
func (c *cutOff) run(ctx context.Context) error {
	tick := time.NewTicker(cutOffEvery)
	defer tick.Stop()
	for {
		if c.due(ctx) {
			c.drainer.cutOff(cutOffOver, "it reaches neither its databases nor Redis")
		} else if c.since.IsZero() {
			c.drainer.rejoin()
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// due looks, and reports that it is time to send people away.
func (c *cutOff) due(ctx context.Context) bool {
	call, cancel := context.WithTimeout(ctx, cutOffLimit)
	defer cancel()
	var stored, met error
	var both sync.WaitGroup
	both.Go(func() { stored = c.storage(call) })
	both.Go(func() { met = c.meets(call) })
	both.Wait()
	if met == nil {
		c.company = c.others(call)
	}
	switch {
	case ctx.Err() != nil:
	case stored == nil || met == nil:
		c.since = time.Time{}
	case c.since.IsZero():
		c.since = time.Now()
	default:
		return c.company && time.Since(c.since) >= cutOffAfter
	}
	return false
}
