package chunk

import (
	"time"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/wire"
)

// Notice says how a conversation is delivered from now on (DLV-22).
type Notice struct {
	// Interval is how long an entry may wait for others; 0: each comes at once.
	Interval time.Duration
	// SendWait is how long who sends has to expect to wait between two messages; 0: not at all.
	SendWait time.Duration
}

// Piece returns the notice as an envelope.
func (n Notice) Piece(sub wire.Subprotocol, id chat.ConversationID) []byte {
	return wire.Batching(sub, id, uint32(n.Interval.Milliseconds()), uint32(n.SendWait.Milliseconds()))
}

const (
	// noticed is the shortest wait that people are told of: shorter ones they do not feel.
	noticed = 100 * time.Millisecond
	// steady is how long a conversation has to be delivered in another way before that is told again.
	steady = 3 * time.Second
	// busyAfter is how many rounds, none of them long after the one before, have to have had entries that waited.
	busyAfter = 3
)

// batching watches whether entries wait, and says when to tell.
type batching struct {
	told    Notice
	toldAt  time.Duration
	waited  int           // rounds that held entries back, since none had for long
	waitAt  time.Duration // when one last did
	longest time.Duration // the longest wait of these
}

// round notes a round that begins now, with what its oldest entry has waited.
func (b *batching) round(now, wait time.Duration) {
	if wait < noticed {
		return
	}
	if now-b.waitAt >= steady {
		b.waited, b.longest = 0, 0
	}
	b.waited++
	b.waitAt = now
	b.longest = max(b.longest, wait)
}

// next returns what is to be told now, or nil.
func (b *batching) next(now, sendWait time.Duration) *Notice {
	n := Notice{Interval: step(b.longest), SendWait: sendWait}
	switch {
	case b.told.Interval == 0 && b.waited < busyAfter:
		return nil
	case b.told.Interval != 0 && now-b.waitAt >= steady:
		n, b.waited = Notice{}, 0 // each comes at once again
	case n == b.told:
		return nil
	case b.told.Interval != 0 && now-b.toldAt < steady:
		return nil
	}
	b.told, b.toldAt, b.longest = n, now, 0
	return &n
}

// due is when to look again though nothing comes; 0: no need.
func (b *batching) due() time.Duration {
	if b.told.Interval == 0 {
		return 0
	}
	return b.waitAt + steady
}

// step rounds a wait up to one of few, so that it is not told with each change.
func step(d time.Duration) time.Duration {
	for s := 125 * time.Millisecond; s < window; s *= 2 {
		if d <= s {
			return s
		}
	}
	return window
}
