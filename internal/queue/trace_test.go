package queue_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/queue"
	"github.com/throng-im/throng/internal/trace"
)

// What was published is noted, from its commit on; what could not be published is not.
func TestPublicationsAreTraced(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tr, o, tries := trace.New(trace.Default(), trace.Deps{}), newOutbox(), new(atomic.Int32)
		s := &streams{fail: func() fault {
			if tries.Add(1) == 1 {
				return refused
			}
			return fine
		}}
		r, err := queue.NewRelay(queue.DefaultRelayConfig(), queue.RelayDeps{Node: "a", Outbox: o, Publisher: s, Trace: tr})
		assert.NoError(t, "relay", err)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- r.Run(ctx) }()
		synctest.Wait()
		begin := time.Now()
		o.add(7, 1)
		r.Wake(o.add(7, 2))
		pass(10 * time.Millisecond) // less than it rests after a failure
		assert.Equal(t, "tries", tries.Load(), int32(1))
		assert.Equal(t, "steps before it was published", len(tr.Find(7, 2)), 0)
		pass(2 * time.Second)
		steps := tr.Find(7, 2)
		assert.Equal(t, "steps", len(steps), 1)
		assert.Equal(t, "kind", steps[0].Kind, trace.Publish)
		assert.Equal(t, "lane and events", [2]uint32(steps[0].Counts[:2]), [2]uint32{uint32(queue.LaneOf(7)), 2})
		assert.True(t, "from the commit on", steps[0].StartTime().Equal(begin) && steps[0].Took > 0 && steps[0].Took < time.Second)
		stop()
		assert.NoError(t, "run", <-ended)
	})
}
