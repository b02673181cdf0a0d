package porttest

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/queue"
)

func streamsError(t *testing.T, s SharedStreams) {
	f := newFollowers()
	follow, failed := f.follow("a"), map[int]int{}
	s.Join(t).share(t, "g", func(ctx context.Context, stream queue.Stream) error {
		again := false
		f.change(func() {
			failed[stream.Number()]++
			again = failed[stream.Number()] > 2
		})
		if !again {
			return errors.New("broken")
		}
		return follow(ctx, stream)
	})
	f.until(t, "followed at last", settled, func() bool { return f.all(s.Streams, "a") })
	s.Append(t, 1, 3)
	f.until(t, "what comes", settled, func() bool { return f.seen[1] == 3 })
}

func streamsWait(t *testing.T, s SharedStreams) {
	f := newFollowers()
	stop := s.Join(t).share(t, "g", func(ctx context.Context, stream queue.Stream) error {
		f.change(func() { f.at[stream.Number()] = []string{"a"} })
		<-ctx.Done()
		<-time.After(50 * time.Millisecond) // a follower that is slow to end
		f.change(func() { delete(f.at, stream.Number()) })
		return nil
	})
	f.until(t, "followed", settled, func() bool { return f.all(s.Streams, "a") })
	stop()
	f.mu.Lock()
	defer f.mu.Unlock()
	assert.Equal(t, "followers after share has returned", len(f.at), 0)
}

func streamsAnywhere(t *testing.T, s SharedStreams) {
	const events = 5
	node, f, number := s.Join(t), newFollowers(), -1
	f.before = func(_ context.Context, stream queue.Stream) error {
		f.change(func() { number = stream.Number() })
		return nil
	}
	node.share(t, "finds the stream", f.follow("a"))
	f.until(t, "followed", settled, func() bool { return f.all(s.Streams, "a") })
	for range events {
		s.Append(t, 1, 1)
	}
	f.until(t, "found", settled, func() bool { return f.seen[1] == events })

	done := make(chan struct{})
	node.share(t, "g", func(ctx context.Context, stream queue.Stream) error {
		if stream.Number() == number {
			followAnywhere(ctx, t, stream, events)
			close(done)
		}
		<-ctx.Done()
		return nil
	})
	select {
	case <-done:
	case <-time.After(settled):
		t.Fatal("following does not end")
	}
}

// followAnywhere follows a stream of so many events from each position that there is, the later ones first.
func followAnywhere(ctx context.Context, t *testing.T, stream queue.Stream, events int) {
	from := func(at chat.Position) (seqs []chat.Seq, positions []chat.Position, err error) {
		err = stream.Follow(ctx, at, func(_ context.Context, b queue.Batch) error {
			for _, ev := range b.Events {
				seqs = append(seqs, ev.Entry.Seq)
			}
			positions = append(positions, b.Position)
			if len(seqs) > 0 && seqs[len(seqs)-1] == chat.Seq(events) {
				return errEnough
			}
			return nil
		})
		return seqs, positions, err
	}
	all, positions, err := from(0)
	if !errors.Is(err, errEnough) || len(all) != events {
		t.Errorf("from the beginning: %v, %v", all, err)
		return
	}
	for i := len(positions) - 2; i >= 0; i-- {
		seqs, _, err := from(positions[i])
		if !errors.Is(err, errEnough) || len(seqs) >= len(all) || !slices.Equal(seqs, all[len(all)-len(seqs):]) {
			t.Errorf("from position %d: %v, %v", positions[i], seqs, err)
		}
	}
	if tail := stream.Tail(); tail != positions[len(positions)-1] {
		t.Errorf("the tail is %d, and the last position %d", tail, positions[len(positions)-1])
	}
	if _, _, err := from(stream.Tail() + 1); err == nil || chat.AsError(err).Reason != chat.ReasonCursorInvalid {
		t.Errorf("from beyond the end: %v", err)
	}
}

func streamsSlow(t *testing.T, s SharedStreams) {
	const many = 1_200
	f := newFollowers()
	first, gate := -1, make(chan struct{})
	f.before = func(ctx context.Context, stream queue.Stream) error {
		mine := false
		f.change(func() {
			if first < 0 {
				first = stream.Number()
			}
			mine = first == stream.Number()
		})
		if mine {
			select {
			case <-gate:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	}
	s.Join(t).share(t, "g", f.follow("a"))
	f.until(t, "followed", settled, func() bool { return f.all(s.Streams, "a") })
	s.Append(t, 1, 1)
	f.until(t, "one is held up", settled, func() bool { return first >= 0 })
	s.Append(t, 1, many-1)
	for _, id := range conversations() {
		if id != 1 {
			s.Append(t, id, 1)
		}
	}
	others := 0
	if s.Streams > 1 {
		f.until(t, "the others go on", settled, func() bool { others = len(f.seen); return others >= queue.Lanes/2 && f.seen[1] == 0 })
	}
	close(gate)
	f.until(t, "all of it", settled, func() bool { return f.seen[1] == many && len(f.seen) == queue.Lanes })
	f.mu.Lock()
	defer f.mu.Unlock()
	assert.Equal(t, "out of order", len(f.wrong), 0)
}
