package gateway

import "time"

const (
	// tick is how exact a loop's timers are; all of them are seconds long.
	tick = 500 * time.Millisecond
	// wheelSlots is how far ahead a wheel sees; what is later is looked at again at its end.
	wheelSlots = 256
)

// wheel is the timers of a loop: slots of connections to look at, one slot a tick. A connection stands in it once or, after
// its turn was moved forward, twice: the entry that does not match its due is passed over. It is owned by the loop.
type wheel struct {
	// owned by the loop
	slots [wheelSlots][]*conn
	at    int64 // the tick that was handled last
}

// schedule has the connection looked at when the clock (in milliseconds) has reached at, or one tick later.
func (w *wheel) schedule(c *conn, at int64) {
	t := at/tick.Milliseconds() + 1
	t = min(max(t, w.at+1), w.at+wheelSlots-1)
	if int64(c.due) == t {
		return
	}
	c.due = int32(t)
	slot := &w.slots[t%wheelSlots]
	*slot = append(*slot, c)
}

// advance calls due for each connection whose turn has come by now.
func (w *wheel) advance(now int64, due func(c *conn)) {
	for end := now / tick.Milliseconds(); w.at < end; {
		w.at++
		slot := &w.slots[w.at%wheelSlots]
		list := *slot
		*slot = nil
		for _, c := range list {
			if int64(c.due) == w.at {
				c.due = 0
				due(c)
			}
		}
		if *slot == nil {
			clear(list)
			*slot = list[:0]
		}
	}
}
