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
	// cutOffBehind is how much longer than an answer of the databases is waited for others have to be better off, before the node sends its
	// people there: all may have lost the databases, and not have noticed yet.
	cutOffBehind = 5 * time.Second
)

// cutOff notices that the node cannot serve its people while others can. Their connections stand, and they would wait on it; so they go to
// the others, and are taken again once the node can serve them.
//
//   - The node reaches neither the databases nor what it meets other nodes by. It is most likely the one that is cut off.
//   - The node does not reach the databases, and others say that they do. Databases that are away for all are no reason: people stay.
type cutOff struct {
	// immutable after construction
	storage, meets func(ctx context.Context) error
	others         func(ctx context.Context) bool // take newcomers
	behind         time.Duration                  // for how long others have to be better off
	drainer        *drainer

	// owned by run
	company bool      // others took newcomers when that could last be asked
	alone   time.Time // since when neither has answered; zero while one does
	worse   time.Time // since when others have been better off; zero while they are not, or nobody knows
}

func newCutOff(storage, meets func(ctx context.Context) error, others func(ctx context.Context) bool, timeout time.Duration, d *drainer) *cutOff {
	return &cutOff{storage: storage, meets: meets, others: others, behind: timeout + cutOffBehind, drainer: d}
}

// run looks until ctx ends.
func (c *cutOff) run(ctx context.Context) error {
	tick := time.NewTicker(cutOffEvery)
	defer tick.Stop()
	for {
		switch why := c.look(ctx); {
		case ctx.Err() != nil:
			return nil
		case why != "":
			c.drainer.cutOff(cutOffOver, why)
		case c.alone.IsZero() && c.worse.IsZero():
			c.drainer.rejoin()
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// look asks both, and says why it is time to send people away; it is empty while it is not.
func (c *cutOff) look(ctx context.Context) string {
	begun := time.Now()
	call, cancel := context.WithTimeout(ctx, cutOffLimit)
	defer cancel()
	var stored, met error
	var both sync.WaitGroup
	both.Go(func() { stored = c.storage(call) })
	both.Go(func() { met = c.meets(call) })
	both.Wait()
	if met == nil { // with a time of its own: a database that is silent has used up the other
		brief, cancel := context.WithTimeout(ctx, cutOffLimit)
		c.company = c.others(brief)
		cancel()
	}
	since(&c.alone, stored != nil && met != nil, begun)
	since(&c.worse, stored != nil && met == nil && c.company, begun)
	switch {
	case c.company && lasted(c.alone, cutOffAfter):
		return "it reaches neither its databases nor Redis"
	case lasted(c.worse, c.behind):
		return "it does not reach its databases, and others do"
	default:
		return ""
	}
}

// since keeps the time since when something has been so, of which it is known that it was so now.
func since(t *time.Time, so bool, now time.Time) {
	switch {
	case !so:
		*t = time.Time{}
	case t.IsZero():
		*t = now
	}
}

func lasted(t time.Time, d time.Duration) bool { return !t.IsZero() && time.Since(t) >= d }
