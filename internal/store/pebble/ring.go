package pebble

import (
	"sync"

	"github.com/throng-im/throng/internal/chat"
)

const (
	ringEvents = 64 << 10 // events kept in memory for followers
	ringBytes  = 16 << 20 // and their approximate size
)

// ring keeps the events of the newest durable batches in memory, so that a follower that keeps up never reads the disk.
// What falls out of it is read from the events' rows.
type ring struct {
	// guarded by mu
	mu      sync.Mutex
	batches []*commit // contiguous positions, the last one's is tail
	events  int
	bytes   int
	tail    chat.Position // of what is durable
	changed chan struct{} // closed and replaced when tail moves
	ended   bool
}

func newRing() *ring { return &ring{changed: make(chan struct{})} }

// start sets where the events end in a store that was just opened.
func (r *ring) start(tail chat.Position) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tail = tail
}

// publish adds batches that became durable, in order. It is called by the syncer.
func (r *ring) publish(durable []*commit) {
	r.mu.Lock()
	defer r.mu.Unlock()
	moved := false
	for _, c := range durable {
		if c.position == 0 {
			continue
		}
		r.batches = append(r.batches, c)
		r.events += len(c.events)
		r.bytes += c.bytes
		r.tail, moved = c.position, true
	}
	for len(r.batches) > 1 && (r.events > ringEvents || r.bytes > ringBytes) {
		r.events -= len(r.batches[0].events)
		r.bytes -= r.batches[0].bytes
		r.batches[0] = nil
		r.batches = r.batches[1:]
	}
	if moved {
		close(r.changed)
		r.changed = make(chan struct{})
	}
}

// after appends the events behind a position to buf, a few batches at a time. held is false where the ring no longer
// holds them; changed tells when there are more, where there are none now.
func (r *ring) after(from chat.Position, buf []chat.Event, most int) (events []chat.Event, upTo chat.Position, held bool, changed <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if from >= r.tail {
		return buf, from, true, r.changed
	}
	if len(r.batches) == 0 || r.batches[0].position > from+1 {
		return buf, from, false, nil
	}
	for _, c := range r.batches[from+1-r.batches[0].position:] {
		if len(buf) > 0 && len(buf)+len(c.events) > most {
			break
		}
		buf, upTo = append(buf, c.events...), c.position
	}
	return buf, upTo, true, nil
}

func (r *ring) position() chat.Position {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.tail
}

// close wakes the followers for good.
func (r *ring) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.ended {
		r.ended = true
		close(r.changed)
		r.changed = make(chan struct{})
	}
}
