package fanout_test

import (
	"context"
	"testing"
	"time"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/fanout"
	"github.com/throng-im/throng/internal/queue"
)

// shortened is a stream that lost its end: it was made anew, say. It has room for one goroutine.
type shortened struct {
	queue.Stream

	end  chat.Position
	from chan chat.Position
}

func (s *shortened) Share(ctx context.Context, _ string, follow func(ctx context.Context, s queue.Stream) error) error {
	return follow(ctx, s)
}

func (s *shortened) Number() int { return 0 }

// Position is that of the group: 100 at first, and what there is once that was tried.
func (s *shortened) Position(context.Context) (chat.Position, error) {
	if len(s.from) == 0 {
		return 100, nil
	}
	return s.end, nil
}

func (s *shortened) Follow(ctx context.Context, from chat.Position, _ func(ctx context.Context, b queue.Batch) error) error {
	s.from <- from
	if from > s.end {
		return chat.Errorf(chat.CodeFailedPrecondition, chat.ReasonCursorInvalid, "beyond the last event")
	}
	<-ctx.Done()
	return nil
}

// A follower whose position is beyond the end of its stream asks again where its group goes on, instead of waiting for that end.
func TestFollowingAStreamThatLostItsEnd(t *testing.T) {
	t.Parallel()
	s := &shortened{end: 3, from: make(chan chat.Position, 10)}
	cfg := fanout.Default()
	cfg.Retry = time.Millisecond
	f, err := fanout.New(cfg, fanout.Deps{Streams: s})
	assert.NoError(t, "new", err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- f.Run(ctx) }()
	for len(s.from) < 2 {
		select {
		case <-t.Context().Done():
			t.Fatal("it does not go on")
		case <-time.After(time.Millisecond):
		}
	}
	cancel()
	assert.NoError(t, "run", <-ended)
	assert.Equal(t, "first", <-s.from, chat.Position(100))
	assert.Equal(t, "then", <-s.from, chat.Position(3))
}
