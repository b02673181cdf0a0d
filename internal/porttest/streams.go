package porttest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/queue"
)

// SharedStreams is an adapter of the streams port, as several nodes see it.
type SharedStreams struct {
	// Append commits the next n entries of a conversation: 1, 2, 3, …
	Append func(t testing.TB, id chat.ConversationID, n int)
	// Join makes a node.
	Join func(t testing.TB) StreamsNode
	// Streams is how many there are.
	Streams int
	// Alone says why there is one node only; empty where there are several.
	Alone string
}

// StreamsNode is what one node has of the streams.
type StreamsNode struct {
	Streams queue.Streams
	// Lose cuts the node off for good: nothing that it does reaches the others, and it does not say goodbye.
	Lose func()
}

// Streams runs the rules STR-1 to STR-3 against an adapter, and that its streams are EVT-1, EVT-3 and EVT-4. Open returns a fresh one.
func Streams(t *testing.T, open func(t testing.TB) SharedStreams) {
	t.Helper()
	for _, c := range []struct {
		name    string
		several bool
		run     func(t *testing.T, s SharedStreams)
	}{
		{"STR-1 every stream is followed by one node", true, streamsOnce},
		{"STR-1 groups are apart", false, streamsGroups},
		{"STR-1 nodes come and go and nothing is lost or out of order", true, streamsChurn},
		{"STR-2 the streams of a lost node are followed by another one", true, streamsLost},
		{"STR-3 a new group gets whatever comes", false, streamsTail},
		{"STR-3 a group goes on behind what was committed", false, streamsCommit},
		{"STR-3 what was not committed comes again, on another node too", true, streamsAgain},
		{"STR-3 a group goes on where one stopped in the middle", false, streamsMiddle},
		{"an error of a follower ends nothing", false, streamsError},
		{"share waits for its followers", false, streamsWait},
		{"EVT-3 a stream is followed from any position", false, streamsAnywhere},
		{"EVT-1 a slow follower gets everything, and holds up no other stream", false, streamsSlow},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := open(t)
			if c.several && s.Alone != "" {
				return // there is nothing that could go wrong: s.Alone says why
			}
			c.run(t, s)
		})
	}
}

// takeover is within which time the streams of a lost node are another's: 10 s (STR-2), and as much again on a machine that does several
// things at once.
const takeover = 20 * time.Second

// settled bounds what is not a matter of time.
const settled = 60 * time.Second

// share shares until stop is called.
func (n StreamsNode) share(t testing.TB, group string, follow func(ctx context.Context, s queue.Stream) error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- n.Streams.Share(ctx, group, follow) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("share: %v", err)
		}
	})
	t.Cleanup(stop)
	return stop
}

// followers notes who follows which stream, and what came.
type followers struct {
	// immutable after construction
	commit bool                                            // commit behind each batch
	before func(ctx context.Context, s queue.Stream) error // called ahead of a batch, which it may refuse; may be nil

	// guarded by mu
	mu      sync.Mutex
	at      map[int][]string // stream → nodes
	seen    map[chat.ConversationID]chat.Seq
	repeats int
	wrong   []string
	moved   chan struct{} // closed and replaced when something has changed
}

func newFollowers() *followers {
	return &followers{at: map[int][]string{}, seen: map[chat.ConversationID]chat.Seq{}, moved: make(chan struct{}), commit: true}
}

func (f *followers) change(do func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	do()
	close(f.moved)
	f.moved = make(chan struct{})
}

// until waits for something to become true, under mu.
func (f *followers) until(t testing.TB, what string, limit time.Duration, ok func() bool) {
	t.Helper()
	end := time.After(limit)
	for {
		f.mu.Lock()
		done, moved, state := ok(), f.moved, fmt.Sprintf("followed %v, seen %v", f.at, f.seen)
		f.mu.Unlock()
		if done {
			return
		}
		select {
		case <-moved:
		case <-end:
			t.Fatalf("%s: not within %s: %s", what, limit, state)
		}
	}
}

// follow goes on where the group is, and checks that first occurrences come in order.
func (f *followers) follow(node string) func(ctx context.Context, s queue.Stream) error {
	return func(ctx context.Context, s queue.Stream) error {
		from, err := s.Position(ctx)
		if err != nil {
			return err
		}
		f.change(func() { f.at[s.Number()] = append(f.at[s.Number()], node) })
		defer f.change(func() {
			f.at[s.Number()] = slices.DeleteFunc(f.at[s.Number()], func(n string) bool { return n == node })
		})
		return s.Follow(ctx, from, func(ctx context.Context, b queue.Batch) error {
			if f.before != nil {
				if err := f.before(ctx, s); err != nil {
					return err
				}
			}
			f.change(func() { f.note(b.Events) })
			if !f.commit {
				return nil
			}
			return s.Commit(ctx, b.Position)
		})
	}
}

func (f *followers) note(events []chat.Event) {
	for _, ev := range events {
		id := ev.Head.Conversation
		switch seq := ev.Entry.Seq; {
		case seq == f.seen[id]+1:
			f.seen[id] = seq
		case seq <= f.seen[id]:
			f.repeats++
		default:
			f.wrong = append(f.wrong, fmt.Sprintf("%d of conversation %d came after %d", seq, id, f.seen[id]))
			f.seen[id] = seq
		}
	}
}

// all reports whether every stream has a follower, and one only.
func (f *followers) all(streams int, nodes ...string) bool {
	for n := range streams {
		if len(f.at[n]) != 1 || !slices.Contains(nodes, f.at[n][0]) {
			return false
		}
	}
	return true
}

// conversations are some that are in all streams.
func conversations() []chat.ConversationID {
	ids := make([]chat.ConversationID, 0, queue.Lanes)
	lanes := map[queue.Lane]bool{}
	for id := chat.ConversationID(1); len(lanes) < queue.Lanes; id++ {
		if n := queue.LaneOf(id); !lanes[n] {
			lanes[n] = true
			ids = append(ids, id)
		}
	}
	return ids
}

func streamsOnce(t *testing.T, s SharedStreams) {
	f := newFollowers()
	nodes := []string{"a", "b", "c"}
	count := func(node string) (n int) {
		for _, at := range f.at {
			if slices.Contains(at, node) {
				n++
			}
		}
		return n
	}
	stop := map[string]func(){}
	for i, n := range nodes {
		stop[n] = s.Join(t).share(t, "g", f.follow(n))
		f.until(t, n+" has a part", settled, func() bool {
			return f.all(s.Streams, nodes...) && count(n) >= s.Streams/(i+1)
		})
	}
	for i, n := range nodes[:2] {
		stop[n]()
		f.until(t, n+" has left", settled, func() bool { return f.all(s.Streams, nodes[i+1:]...) })
	}
}

func streamsGroups(t *testing.T, s SharedStreams) {
	node := s.Join(t)
	for _, group := range []string{"g", "h"} {
		f := newFollowers()
		node.share(t, group, f.follow("a"))
		f.until(t, "followed", settled, func() bool { return f.all(s.Streams, "a") })
		t.Cleanup(func() {
			f.until(t, group+" has all", settled, func() bool { return f.seen[1] == 5 && f.seen[2] == 5 })
		})
	}
	s.Append(t, 1, 5)
	s.Append(t, 2, 5)
}

func streamsChurn(t *testing.T, s SharedStreams) {
	f := newFollowers()
	stays := s.Join(t).share(t, "g", f.follow("stays"))
	defer stays()
	f.until(t, "followed", settled, func() bool { return f.all(s.Streams, "stays") })
	ids := conversations()
	for round := range 5 {
		name := fmt.Sprint("node ", round)
		stop := s.Join(t).share(t, "g", f.follow(name))
		for _, id := range ids {
			s.Append(t, id, 2)
		}
		f.until(t, name+" has a part", settled, func() bool {
			for _, at := range f.at {
				if slices.Contains(at, name) {
					return true
				}
			}
			return false
		})
		for _, id := range ids {
			s.Append(t, id, 2)
		}
		stop()
	}
	f.until(t, "everything has come", settled, func() bool {
		for _, id := range ids {
			if f.seen[id] != 20 {
				return false
			}
		}
		return true
	})
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.wrong) > 0 {
		t.Errorf("%d out of order, such as: %s", len(f.wrong), f.wrong[0])
	}
}

func streamsLost(t *testing.T, s SharedStreams) {
	f := newFollowers()
	stays, goes := s.Join(t), s.Join(t)
	stays.share(t, "g", f.follow("stays"))
	f.until(t, "followed", settled, func() bool { return f.all(s.Streams, "stays") })
	goes.share(t, "g", f.follow("goes"))
	f.until(t, "shared", settled, func() bool {
		n := 0
		for _, at := range f.at {
			if slices.Contains(at, "goes") {
				n++
			}
		}
		return n > 0 && f.all(s.Streams, "stays", "goes")
	})
	goes.Lose()
	ids := conversations()
	for _, id := range ids {
		s.Append(t, id, 1)
	}
	f.until(t, "the one that is left has all streams", takeover, func() bool {
		for n := range s.Streams {
			if !slices.Contains(f.at[n], "stays") {
				return false
			}
		}
		return true
	})
	f.until(t, "what came meanwhile is dealt with", takeover, func() bool {
		for _, id := range ids {
			if f.seen[id] != 1 {
				return false
			}
		}
		return true
	})
}

func streamsTail(t *testing.T, s SharedStreams) {
	s.Append(t, 1, 3)
	f := newFollowers()
	stop := s.Join(t).share(t, "g", f.follow("a"))
	f.until(t, "followed", settled, func() bool { return f.all(s.Streams, "a") })
	f.change(func() { f.seen[1] = 3 }) // before its time
	s.Append(t, 1, 2)
	f.until(t, "what comes", settled, func() bool { return f.seen[1] == 5 })
	stop()
	f.mu.Lock()
	defer f.mu.Unlock()
	assert.Equal(t, "out of order", len(f.wrong), 0)
}

func streamsCommit(t *testing.T, s SharedStreams) {
	node, f := s.Join(t), newFollowers()
	stop := node.share(t, "g", f.follow("a"))
	f.until(t, "followed", settled, func() bool { return f.all(s.Streams, "a") })
	s.Append(t, 1, 10)
	f.until(t, "the first", settled, func() bool { return f.seen[1] == 10 })
	stop()
	s.Append(t, 1, 10)
	if s.Alone == "" {
		node = s.Join(t)
	}
	stop = node.share(t, "g", f.follow("b"))
	f.until(t, "the others", settled, func() bool { return f.seen[1] == 20 })
	stop()
	f.mu.Lock()
	defer f.mu.Unlock()
	assert.Equal(t, "repeats after a committed end", f.repeats, 0)
	assert.Equal(t, "out of order", len(f.wrong), 0)
}

func streamsAgain(t *testing.T, s SharedStreams) {
	f := newFollowers()
	f.commit = false
	stop := s.Join(t).share(t, "g", f.follow("a"))
	f.until(t, "followed", settled, func() bool { return f.all(s.Streams, "a") })
	s.Append(t, 1, 10)
	f.until(t, "the first time", settled, func() bool { return f.seen[1] == 10 })
	stop()
	s.Join(t).share(t, "g", f.follow("b"))
	f.until(t, "the second time", settled, func() bool { return f.repeats == 10 })
}

func streamsMiddle(t *testing.T, s SharedStreams) {
	const many = 2_000
	node, f := s.Join(t), newFollowers()
	full := false
	f.before = func(context.Context, queue.Stream) (err error) {
		f.change(func() {
			if f.seen[1] > 0 {
				full, err = true, errEnough
			}
		})
		return err
	}
	stop := node.share(t, "g", f.follow("a"))
	f.until(t, "followed", settled, func() bool { return f.all(s.Streams, "a") })
	all := chat.Seq(many)
	s.Append(t, 1, many)
	f.until(t, "it has begun", settled, func() bool { return full || f.seen[1] == many })
	f.mu.Lock()
	whole := !full
	f.mu.Unlock()
	if whole { // all of it was one batch
		all += many
		s.Append(t, 1, many)
		f.until(t, "it has stopped", settled, func() bool { return full })
	}
	stop()
	f.mu.Lock()
	assert.True(t, "in the middle", f.seen[1] > 0 && f.seen[1] < all)
	f.before = nil
	f.mu.Unlock()
	if s.Alone == "" {
		node = s.Join(t)
	}
	node.share(t, "g", f.follow("b"))
	f.until(t, "all of it", settled, func() bool { return f.seen[1] == all })
	f.mu.Lock()
	defer f.mu.Unlock()
	assert.Equal(t, "out of order", len(f.wrong), 0)
}

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
