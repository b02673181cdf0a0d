package fanout_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

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
