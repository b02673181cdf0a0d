package fanout_test

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/fanout"
	"github.com/throng-im/throng/internal/store/local"
)

// What is committed while the queue is away goes out directly; what it brings itself does not.
func TestTheCommittingNodeDeliversWhileTheQueueIsAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStory(t)
		f, err := fanout.New(fanout.Default(), fanout.Deps{Streams: local.NewStreams(s), Members: s, Routes: s, Bus: s})
		if err != nil {
			t.Fatal(err)
		}
		var behind atomic.Int64
		d := f.NewDirect(func() time.Duration { return time.Duration(behind.Load()) })
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- d.Run(ctx) }()
		commit := func() {
			d.Committed(s.events[len(s.events)-1:])
			synctest.Wait()
		}
		s.commit(0, chat.Created{Members: []chat.UserID{1, 2}})
		commit()
		check(t, s.lines)
		behind.Store(int64(time.Second))
		s.text(1)
		commit()
		s.text(2)
		commit()
		check(t, s.lines, "entry 2 to 1 2", "entry 3 to 1 2")
		behind.Store(0)
		s.text(1)
		commit()
		check(t, s.lines, "entry 2 to 1 2", "entry 3 to 1 2")
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// What waits to be delivered directly goes together: a node whose round trips take long does not fall behind.
func TestDirectDeliveriesGoTogether(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCrossing(4, 50, 5)
		c.takes = 100 * time.Millisecond
		f, err := fanout.New(fanout.Default(), fanout.Deps{Streams: c, Members: c, Routes: c, Bus: c})
		assert.NoError(t, "new", err)
		d := f.NewDirect(func() time.Duration { return time.Hour })
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- d.Run(ctx) }()
		for i := range c.events {
			d.Committed(c.events[i : i+1]) // whose memory goes on with what others have
		}
		<-time.After(time.Second)
		cancel()
		assert.NoError(t, "run", <-ended)
		for id := chat.ConversationID(1); id <= 4; id++ {
			got := c.got("n3", id)
			assert.True(t, fmt.Sprintf("entries of conversation %d: %v", id, got), len(got) == 50 && slices.IsSorted(got))
		}
	})
}
