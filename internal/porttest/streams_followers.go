package porttest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/queue"
)

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
	mu        sync.Mutex
	at        map[int][]string      // stream → nodes
	begun     map[int]chat.Position // stream → the highest position that one began behind
	committed map[int]chat.Position // stream → the highest position that one committed
	seen      map[chat.ConversationID]chat.Seq
	repeats   int
	wrong     []string
	ahead     string        // the first stream in which the group went on beyond what was committed
	moved     chan struct{} // closed and replaced when something has changed
}

func newFollowers() *followers {
	return &followers{
		at: map[int][]string{}, begun: map[int]chat.Position{}, committed: map[int]chat.Position{}, seen: map[chat.ConversationID]chat.Seq{},
		moved: make(chan struct{}), commit: true,
	}
}

func (f *followers) change(do func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	do()
	close(f.moved)
	f.moved = make(chan struct{})
}

// until waits for something to become true, under mu. Nothing is waited for once events were skipped: they do not come any more.
func (f *followers) until(t testing.TB, what string, limit time.Duration, ok func() bool) {
	t.Helper()
	end := time.After(limit)
	for {
		f.mu.Lock()
		done, moved, ahead, state := ok(), f.moved, f.ahead, fmt.Sprintf("followed %v, seen %v", f.at, f.seen)
		f.mu.Unlock()
		if ahead != "" {
			t.Fatalf("%s: %s", what, ahead)
		}
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
		f.change(func() {
			f.at[s.Number()] = append(f.at[s.Number()], node)
			f.begins(s.Number(), from)
		})
		defer f.change(func() {
			f.at[s.Number()] = slices.DeleteFunc(f.at[s.Number()], func(n string) bool { return n == node })
		})
		return s.Follow(ctx, from, func(ctx context.Context, b queue.Batch) error {
			if f.before != nil {
				if err := f.before(ctx, s); err != nil {
					return err
				}
			}
			f.change(func() {
				f.note(b.Events)
				if f.commit {
					f.committed[s.Number()] = max(f.committed[s.Number()], b.Position)
				}
			})
			if !f.commit {
				return nil
			}
			return s.Commit(ctx, b.Position)
		})
	}
}

// begins notes where the group goes on in a stream. Once somebody has committed, that is not beyond it.
func (f *followers) begins(stream int, from chat.Position) {
	committed, ok := f.committed[stream]
	if most := max(committed, f.begun[stream]); ok && from > most && f.ahead == "" {
		f.ahead = fmt.Sprintf("the group goes on behind position %d of stream %d, and %d was committed", from, stream, most)
	}
	f.begun[stream] = max(f.begun[stream], from)
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
