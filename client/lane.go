package client

import (
	"maps"
	"slices"
	"time"

	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

const (
	sendRetryBase = 250 * time.Millisecond
	sendRetryCap  = 30 * time.Second
	maxSendShift  = 7

	reasonSlowMode = "slow_mode"
)

// lane is what waits for one conversation, in order. One message of it is on its way at a time: with more, one refused
// for a moment would be overtaken by the next.
type lane struct {
	items  []*Sending
	busy   bool
	queued bool
	tries  int
	after  time.Time
	// limited is set while it waits for a limit of the server, slow while that is slow mode: another connection changes nothing
	// about either.
	limited, slow bool
}

func (o *outbox) add(m *Sending) {
	l := o.lanes[m.Draft.Conversation]
	if l == nil {
		l = &lane{}
		o.lanes[m.Draft.Conversation] = l
	}
	l.items = append(l.items, m)
	o.offer(l)
}

// offer puts a lane in line where it has something to send.
func (o *outbox) offer(l *lane) {
	if l.busy || l.queued || len(l.items) == 0 {
		return
	}
	if _, later := o.delayed[l]; later {
		return
	}
	l.queued = true
	o.ready = append(o.ready, l)
}

// restart offers everything to a new connection, but for what waits for a limit: those hold over connections.
func (o *outbox) restart() {
	maps.DeleteFunc(o.delayed, func(l *lane, _ struct{}) bool { return !l.limited })
	for _, l := range o.lanes {
		l.tries = 0
	}
	lanes := make([]*lane, 0, len(o.lanes))
	for _, l := range o.lanes {
		if len(l.items) > 0 {
			lanes = append(lanes, l)
		}
	}
	slices.SortFunc(lanes, func(a, b *lane) int {
		if a.items[0].Draft.Number < b.items[0].Draft.Number {
			return -1
		}
		return 1
	})
	for _, l := range lanes {
		o.offer(l)
	}
}

// release offers the lanes whose wait is over and returns when the next one's is.
func (o *outbox) release(now time.Time) time.Time {
	var next time.Time
	for l := range o.delayed {
		if now.Before(l.after) {
			next = sooner(next, l.after)
			continue
		}
		delete(o.delayed, l)
		o.offer(l)
	}
	return next
}

// postpone sends a message again later: after the time that the server named, and a growing one where the server is in trouble.
func (c *Client) postpone(l *lane, m *Sending, e *Error) {
	bound := sendRetryBase
	l.limited, l.slow = e.Code == throngv1.Code_CODE_RATE_LIMITED, e.Reason == reasonSlowMode
	if !l.slow { // the end of slow mode's wait is known, and nobody else waits for it
		bound = min(sendRetryCap, sendRetryBase<<min(l.tries, maxSendShift))
		l.tries++
	}
	l.after = time.Now().Add(e.RetryAfter + bound/2 + time.Duration(c.opts.Random()*float64(bound)/2))
	c.outbox.delayed[l] = struct{}{}
	if e.RetryAfter > 0 && c.events.room() {
		c.events.push(SendDelayed{Draft: m.Draft, Err: e, Until: l.after})
	}
	c.wake()
}

// hurrySend ends the wait for a slow mode that is not what it was, or does not hold for the user any more: the next answer says. Many
// wait for the same change.
func (c *Client) hurrySend(id ConversationID) {
	l := c.outbox.lanes[id]
	if l == nil || !l.slow {
		return
	}
	soon := time.Now().Add(time.Duration(c.opts.Random() * float64(pullSpread)))
	if _, waits := c.outbox.delayed[l]; waits && soon.Before(l.after) {
		l.after = soon
		c.wake()
	}
}
