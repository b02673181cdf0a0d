package local

import (
	"context"
	"sync"
	"time"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/queue"
)

// streamRetry is how long a follower that failed rests.
const streamRetry = 250 * time.Millisecond

// Streams hands the one stream of a process to every group. What a group has committed is forgotten with the process, whose
// followers begin at the tail, or keep a position of their own.
type Streams struct {
	// immutable after construction
	events queue.Events
	tail   chat.Position // when it was made

	// guarded by mu
	mu        sync.Mutex
	committed map[string]chat.Position
}

var _ queue.Streams = (*Streams)(nil)

// NewStreams makes the streams of a store that hands out its events itself. Groups begin at the present tail, whenever they come:
// nothing that is committed from now on is missed.
func NewStreams(events queue.Events) *Streams {
	return &Streams{events: events, tail: events.Tail(), committed: make(map[string]chat.Position)}
}

// Share implements [queue.Streams].
func (s *Streams) Share(ctx context.Context, group string, follow func(ctx context.Context, stream queue.Stream) error) error {
	mine := &stream{Events: s.events, all: s, group: group}
	for {
		err := follow(ctx, mine)
		if ctx.Err() != nil {
			return nil
		}
		_ = err // it is the follower's, which has logged it
		select {
		case <-time.After(streamRetry):
		case <-ctx.Done():
			return nil
		}
	}
}

// stream is the stream as one group has it.
type stream struct {
	queue.Events

	all   *Streams
	group string
}

// Number implements [queue.Stream].
func (s *stream) Number() int { return 0 }

// Position implements [queue.Stream].
func (s *stream) Position(context.Context) (chat.Position, error) {
	s.all.mu.Lock()
	defer s.all.mu.Unlock()
	if pos, ok := s.all.committed[s.group]; ok {
		return pos, nil
	}
	return s.all.tail, nil
}

// Commit implements [queue.Stream].
func (s *stream) Commit(_ context.Context, upTo chat.Position) error {
	s.all.mu.Lock()
	defer s.all.mu.Unlock()
	s.all.committed[s.group] = upTo
	return nil
}
