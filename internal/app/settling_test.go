package app

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/queue"
)

// busyOutbox has events in some lane whenever it is asked, each time in another one, and in one lane for a while.
type busyOutbox struct {
	queue.Outbox

	asked int
}

func (o *busyOutbox) Waiting(_ context.Context, lanes []queue.Lane) ([]queue.Lane, error) {
	o.asked++
	return slices.DeleteFunc(slices.Clone(lanes), func(l queue.Lane) bool {
		return int(l) != o.asked%queue.Lanes && (l != 7 || o.asked > 20)
	}), nil
}

// nearing is streams that end somewhere, and a group that comes closer to the end of the first one with each look.
type nearing struct {
	ends []chat.Position
	at   chat.Position
	look func() // nil: nothing happens
}

func (n *nearing) Ends(context.Context) ([]chat.Position, error) { return slices.Clone(n.ends), nil }

func (n *nearing) Committed(_ context.Context, group string) ([]chat.Position, error) {
	if group != timelinesGroup {
		return nil, errors.New("another group's")
	}
	if n.look != nil {
		n.look()
	}
	n.at++
	at := slices.Clone(n.ends)
	at[0] = n.at
	return at, nil
}

// What was appended before is waited for, also while others go on appending: each lane has to be empty once, not all at one moment.
func TestSettlingAmongThoseWhoAppend(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		outbox, events := &busyOutbox{}, &nearing{ends: []chat.Position{3, 7}}
		s := settling{outbox: outbox, events: events}
		assert.NoError(t, "wait", s.wait(t.Context()))
		assert.Equal(t, "looks at the outbox", outbox.asked, 21)
		assert.Equal(t, "the follower's position", events.at, chat.Position(3))

		gone, cancel := context.WithCancel(t.Context())
		cancel()
		outbox.asked = 0
		assert.True(t, "who gives up", errors.Is(s.wait(gone), context.Canceled))
	})
}

// Where the queue is made anew meanwhile, nobody comes to where it ended before.
func TestSettlingWhereTheQueueIsMadeAnew(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		events := &nearing{ends: []chat.Position{5_000, 7}, at: 4_000}
		looks := 0
		events.look = func() {
			if looks++; looks == 3 {
				events.ends, events.at = []chat.Position{4, 0}, 0
			}
		}
		assert.NoError(t, "wait", settling{outbox: &busyOutbox{}, events: events}.wait(t.Context()))
		assert.Equal(t, "the follower's position", events.at, chat.Position(4))
	})
}

// lostStream has lost its events behind a position.
type lostStream struct {
	queue.Stream

	end  chat.Position
	from []chat.Position
}

func (s *lostStream) Number() int { return 5 }

func (s *lostStream) Position(context.Context) (chat.Position, error) { return s.end, nil }

func (s *lostStream) Tail() chat.Position { return s.end }

func (s *lostStream) Follow(ctx context.Context, from chat.Position, handle func(ctx context.Context, b queue.Batch) error) error {
	s.from = append(s.from, from)
	if from > s.end {
		return chat.Errorf(chat.CodeFailedPrecondition, chat.ReasonCursorInvalid, "beyond the last event")
	}
	return handle(ctx, queue.Batch{Position: s.end + 1, Events: make([]chat.Event, 1)})
}

// Where the queue has lost what is behind their position, timelines go on with what there is, and say so.
func TestTimelinesGoOnBehindWhatIsGone(t *testing.T) {
	t.Parallel()
	var said strings.Builder
	stream := &lostStream{end: 12}
	events := streamEvents{stream, slog.New(slog.NewTextHandler(&said, nil))}
	var at []chat.Position
	handle := func(_ context.Context, list []chat.Event, pos chat.Position) error {
		assert.Equal(t, "events", len(list), 1)
		at = append(at, pos)
		return nil
	}
	assert.NoError(t, "beyond the end", events.Follow(t.Context(), 5_000, handle))
	assert.Equal(t, "followed from", stream.from, []chat.Position{12})
	assert.True(t, said.String(), strings.Contains(said.String(), "ARE GONE") && strings.Contains(said.String(), "position=5000"))
	assert.NoError(t, "what is there", events.Follow(t.Context(), 3, handle))
	assert.Equal(t, "positions", at, []chat.Position{13, 13})
	assert.Equal(t, "what is there is followed from", stream.from[1], chat.Position(3))
	assert.Equal(t, "said once", strings.Count(said.String(), "\n"), 1)
	err := events.Follow(t.Context(), 3, func(context.Context, []chat.Event, chat.Position) error { return errors.New("full") })
	assert.True(t, "other errors are the follower's", err != nil && strings.Count(said.String(), "\n") == 1)
}

// Positions belong to a topic, whatever its name: a name is kept in 64 bytes.
func TestPositionsBelongToATopic(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "the usual topic's", positionsOf("throng.events"), "timelines.throng.events")
	long := strings.Repeat("x", 200)
	assert.True(t, "of a long name", len(positionsOf(long)) <= mostPosition && positionsOf(long) != positionsOf(long[1:]))
}
