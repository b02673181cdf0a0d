package app

import (
	"context"
	"fmt"
	"time"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/queue"
)

// settling finds out whether timelines have everything that was appended, on whatever nodes it is on its way.
type settling struct {
	outbox queue.Outbox
	events interface {
		Ends(ctx context.Context) ([]chat.Position, error)
		Committed(ctx context.Context, group string) ([]chat.Position, error)
	}
}

// settleEvery is how often it looks.
const settleEvery = 100 * time.Millisecond

// wait returns once they have what was appended before the call.
func (s settling) wait(ctx context.Context) error {
	lanes := make([]queue.Lane, queue.Lanes)
	for i := range lanes {
		lanes[i] = queue.Lane(i)
	}
	var ends []chat.Position
	tick := time.NewTicker(settleEvery)
	defer tick.Stop()
	for {
		var done bool
		var err error
		switch {
		case len(lanes) > 0: // one that was empty once has published what was there before
			lanes, err = s.outbox.Waiting(ctx, lanes)
		case ends == nil:
			ends, err = s.events.Ends(ctx)
		default:
			done, err = s.passed(ctx, ends)
		}
		if done || err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("waiting for timelines: %w", ctx.Err())
		}
	}
}

// passed reports whether the timelines' followers have come to the ends. It goes by what they have committed, which is behind their rows and
// belongs to the topic that there is: the position beside their rows may be one in a topic that is gone, far beyond the ends of this one. Ends
// that are gone themselves it brings back to those that there are.
func (s settling) passed(ctx context.Context, ends []chat.Position) (bool, error) {
	at, err := s.events.Committed(ctx, timelinesGroup)
	if err != nil {
		return false, err
	}
	done := true
	for i := range ends {
		done = done && at[i] >= ends[i]
	}
	if done {
		return true, nil
	}
	now, err := s.events.Ends(ctx)
	if err != nil {
		return false, err
	}
	for i := range ends {
		ends[i] = min(ends[i], now[i])
	}
	return false, nil
}
