package redis

import (
	"context"
	"sync"
)

// inboxOverhead is what a delivery takes in an inbox besides its bytes.
const inboxOverhead = 64

// inbox is what waits for a receiver, bounded in bytes. What does not fit is dropped: the connection's reader must not wait, or the
// server would take it for dead, and drop more. It is told to the receiver's side once, in the place where it is missing.
type inbox struct {
	// immutable after construction
	bound int
	more  chan struct{} // capacity 1: something is in

	// guarded by mu
	mu     sync.Mutex
	texts  []string
	bytes  int
	missed bool // something is missing behind texts
}

func newInbox(bound int) *inbox { return &inbox{bound: bound, more: make(chan struct{}, 1)} }

// put takes a delivery in. It never blocks.
func (b *inbox) put(text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.missed || b.bytes+len(text)+inboxOverhead > b.bound {
		b.missed = true // and what follows: it is behind a hole anyway, and there is no room for both
	} else {
		b.texts = append(b.texts, text)
		b.bytes += len(text) + inboxOverhead
	}
	b.tell()
}

// miss says that deliveries may not have come.
func (b *inbox) miss() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.missed = true
	b.tell()
}

// tell must be called with mu held.
func (b *inbox) tell() {
	select {
	case b.more <- struct{}{}:
	default:
	}
}

// take waits for the next delivery; missed is that there is none here, since some are missing. ok is false when ctx has ended.
func (b *inbox) take(ctx context.Context) (text string, missed, ok bool) {
	for ctx.Err() == nil {
		b.mu.Lock()
		switch {
		case len(b.texts) > 0:
			text = b.texts[0]
			b.texts[0] = ""
			if b.texts = b.texts[1:]; len(b.texts) == 0 {
				b.texts = nil // its array, which grew with the longest wait
			}
			b.bytes -= len(text) + inboxOverhead
			b.mu.Unlock()
			return text, false, true
		case b.missed:
			b.missed = false
			b.mu.Unlock()
			return "", true, true
		}
		b.mu.Unlock()
		select {
		case <-b.more:
		case <-ctx.Done():
		}
	}
	return "", false, false
}
