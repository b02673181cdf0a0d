package queue_test

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/queue"
)

// receivers are who events are delivered to.
type receivers struct {
	// immutable after construction
	fail func(ctx context.Context) error // nil does not

	// guarded by mu
	mu  sync.Mutex
	got []chat.Seq // in the order in which they came
}

func (r *receivers) deliver(ctx context.Context, _ queue.Lane, events []chat.Event) error {
	if r.fail != nil {
		if err := r.fail(ctx); err != nil {
			return err
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, ev := range events {
		r.got = append(r.got, ev.Entry.Seq)
	}
	return nil
}

func (r *receivers) have() []chat.Seq {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.got)
}

// marks are those of what was published in the lane of conversation 1.
func (s *streams) marks() (seqs []chat.Seq, delivered []bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, ev := range s.stored[queue.LaneOf(1)] {
		seqs, delivered = append(seqs, ev.Entry.Seq), append(delivered, ev.Delivered)
	}
	return seqs, delivered
}

// relayTo runs a relay that delivers, in a bubble.
func relayTo(t *testing.T, s *streams, to *receivers, test func(o *outbox, r *queue.Relay)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		o := newOutbox()
		r, err := queue.NewRelay(queue.DefaultRelayConfig(), queue.RelayDeps{Node: "a", Outbox: o, Publisher: s, Deliver: to.deliver})
		assert.NoError(t, "relay", err)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- r.Run(ctx) }()
		synctest.Wait()
		test(o, r)
		stop()
		assert.NoError(t, "run", <-ended)
	})
}

// Who is connected has an event while the queue has not taken it, once, however often it has to be published; it comes into the queue as delivered.
func TestRelayDeliversWhileTheQueueIsAway(t *testing.T) {
	t.Parallel()
	var away atomic.Bool
	away.Store(true)
	s, to := &streams{fail: func() fault {
		if away.Load() {
			return refused
		}
		return fine
	}}, &receivers{}
	relayTo(t, s, to, func(o *outbox, r *queue.Relay) {
		o.add(1, 1)
		r.Wake(o.add(1, 2))
		pass(5 * time.Second) // some tries
		o.add(1, 3)
		pass(5 * time.Second)
		assert.Equal(t, "delivered", to.have(), []chat.Seq{1, 2, 3})
		assert.Equal(t, "published", s.count(), 0)
		away.Store(false)
		pass(5 * time.Second)
		r.Wake(o.add(1, 4))
		pass(time.Second)
		seqs, delivered := s.marks()
		assert.Equal(t, "published", seqs, []chat.Seq{1, 2, 3, 4})
		assert.Equal(t, "as delivered", delivered, []bool{true, true, true, true})
		assert.Equal(t, "delivered", to.have(), []chat.Seq{1, 2, 3, 4})
	})
}

// What could not be delivered, or not in time, is published soon all the same, for the followers of the streams to deliver.
func TestRelayPublishesWhatItCannotDeliver(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func(ctx context.Context) error{
		"refused": func(context.Context) error { return errAway },
		"hung":    func(ctx context.Context) error { <-ctx.Done(); return context.Cause(ctx) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var failing atomic.Bool
			failing.Store(true)
			s, to := &streams{}, &receivers{fail: func(ctx context.Context) error {
				if failing.Load() {
					return fail(ctx)
				}
				return nil
			}}
			relayTo(t, s, to, func(o *outbox, r *queue.Relay) {
				r.Wake(o.add(1, 1))
				pass(1_100 * time.Millisecond)
				seqs, delivered := s.marks()
				assert.Equal(t, "published", seqs, []chat.Seq{1})
				assert.Equal(t, "as delivered", delivered, []bool{false})
				failing.Store(false)
				r.Wake(o.add(1, 2))
				pass(time.Second)
				_, delivered = s.marks()
				assert.Equal(t, "as delivered, later", delivered, []bool{false, true})
				assert.Equal(t, "delivered", to.have(), []chat.Seq{2})
			})
		})
	}
}
