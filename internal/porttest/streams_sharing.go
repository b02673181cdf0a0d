package porttest

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/queue"
)

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
