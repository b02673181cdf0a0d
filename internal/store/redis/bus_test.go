//go:build cluster

package redis_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/cluster"
	"github.com/throng-im/throng/internal/porttest"
	"github.com/throng-im/throng/internal/store/redis"
	"github.com/throng-im/throng/test/engines"
)

// apart is a bus whose callers are on one node and whose listeners on another.
type apart struct{ from, to *redis.Bus }

func (a apart) Deliver(ctx context.Context, n cluster.Node, d *cluster.Delivery) error {
	return a.from.Deliver(ctx, n, d)
}

func (a apart) Post(ctx context.Context, parcels []cluster.Parcel) { a.from.Post(ctx, parcels) }

func (a apart) Listen(n cluster.Node, r cluster.Receiver) func() { return a.to.Listen(n, r) }

func TestBus(t *testing.T) {
	t.Parallel()
	t.Run("one node", func(t *testing.T) {
		t.Parallel()
		porttest.Bus(t, func(t testing.TB) cluster.Bus {
			c, _ := shared(t)
			return c.NewBus(nil)
		})
	})
	t.Run("two nodes", func(t *testing.T) {
		t.Parallel()
		porttest.Bus(t, func(t testing.TB) cluster.Bus {
			c, cfg := shared(t)
			return apart{c.NewBus(nil), client(t, cfg).NewBus(nil)}
		})
	})
}

// box notes what comes to it, and takes it only while it is open.
type box struct {
	mu   sync.Mutex
	got  []*cluster.Delivery
	open chan struct{} // nil or closed: open
}

func (b *box) Receive(_ context.Context, d *cluster.Delivery) error {
	if b.open != nil {
		<-b.open
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.got = append(b.got, d)
	return nil
}

func (b *box) count() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.got)
}

// A delivery to a node of the same process is that very delivery, with Redis or without.
func TestDeliveriesToTheNodeItself(t *testing.T) {
	t.Parallel()
	server := engines.PrivateRedis(t)
	b := client(t, settings(server.Address(), "throng")).NewBus(nil)
	in := &box{}
	defer b.Listen("n1", in)()
	d := &cluster.Delivery{Kind: cluster.DeliverSync, Users: []chat.UserID{1}}
	assert.NoError(t, "deliver", b.Deliver(t.Context(), "n1", d))
	server.Kill(t)
	assert.NoError(t, "deliver without Redis", b.Deliver(t.Context(), "n1", d))
	assert.True(t, "as it was", in.got[0] == d && in.got[1] == d)
}

func TestDeliveriesWhileRedisIsGone(t *testing.T) {
	t.Parallel()
	server := engines.PrivateRedis(t)
	cfg := settings(server.Address(), "throng")
	lost := make(chan struct{}, 10)
	from, to := client(t, cfg).NewBus(nil), client(t, cfg).NewBus(func() { lost <- struct{}{} })
	in := &box{}
	defer to.Listen("n1", in)()
	d := &cluster.Delivery{Kind: cluster.DeliverRevoke, Users: []chat.UserID{1}, Reason: chat.ReasonSignedOut}
	assert.NoError(t, "deliver", from.Deliver(t.Context(), "n1", d))
	within(t, 2*time.Second, "it came", func() bool { return in.count() == 1 })
	assert.Equal(t, "as it went", in.got[0], d)

	server.Kill(t)
	began := time.Now()
	for range 50 {
		err := from.Deliver(t.Context(), "n1", d)
		assert.Equal(t, "code", chat.AsError(err).Code, chat.CodeUnavailable)
	}
	assert.True(t, "fifty deliveries do not wait: "+time.Since(began).String(), time.Since(began) < 5*time.Second)
	server.Restart(t)
	took := within(t, 5*time.Second, "the node knows that it missed something", func() bool { return len(lost) > 0 })
	t.Logf("subscribed again after %v", took)
	within(t, 5*time.Second, "deliveries come again", func() bool {
		return from.Deliver(t.Context(), "n1", d) == nil && in.count() > 1
	})
}

// T9: a server that hangs is found out, and what it takes afterwards comes.
func TestDeliveriesWhileRedisHangs(t *testing.T) {
	t.Parallel()
	server := engines.PrivateRedis(t)
	cfg := settings(server.Address(), "throng")
	lost := make(chan struct{}, 10)
	from, to := client(t, cfg).NewBus(nil), client(t, cfg).NewBus(func() { lost <- struct{}{} })
	in := &box{}
	defer to.Listen("n1", in)()
	d := &cluster.Delivery{Kind: cluster.DeliverSync, Users: []chat.UserID{1}}
	assert.NoError(t, "deliver", from.Deliver(t.Context(), "n1", d))
	server.Stop(t)
	var held time.Duration
	for range 1_000 {
		began := time.Now()
		assert.True(t, "no delivery", from.Deliver(t.Context(), "n1", d) != nil)
		held += time.Since(began)
	}
	assert.True(t, "a thousand deliveries are held for "+held.String(), held < 8*time.Second)
	time.AfterFunc(4*time.Second, func() { server.Continue(t) })
	within(t, 15*time.Second, "the node knows that it may have missed something", func() bool { return len(lost) > 0 })
	before := in.count()
	within(t, 5*time.Second, "deliveries come again", func() bool {
		return from.Deliver(t.Context(), "n1", d) == nil && in.count() > before
	})
}

// A receiver that is behind costs a bound of memory; then it is told to look.
func TestDeliveriesToANodeThatIsBehind(t *testing.T) {
	t.Parallel()
	k := engines.Redis(t)
	cfg := settings(k.Address, k.Prefix)
	cfg.InboxBytes = 1 << 20
	lost := make(chan struct{}, 100)
	from, to := client(t, cfg).NewBus(nil), client(t, cfg).NewBus(func() { lost <- struct{}{} })
	in := &box{open: make(chan struct{})}
	defer to.Listen("n1", in)()
	users := make([]chat.UserID, 5_000)
	for i := range users {
		users[i] = chat.UserID(1<<40 + i)
	}
	d := &cluster.Delivery{Kind: cluster.DeliverEnter, Users: users, Conversation: 1}
	const sent = 200 // of 30 KiB each
	for range sent {
		assert.NoError(t, "deliver", from.Deliver(t.Context(), "n1", d))
	}
	close(in.open)
	within(t, 10*time.Second, "it is told to look", func() bool { return len(lost) > 0 })
	assert.True(t, "not all has come", in.count() < sent/2 && in.count() > 10)
	before := in.count()
	assert.NoError(t, "deliver", from.Deliver(t.Context(), "n1", d))
	within(t, 5*time.Second, "there is room again", func() bool { return in.count() == before+1 })
}

func BenchmarkDeliver(b *testing.B) {
	c, cfg := shared(b)
	from, to := c.NewBus(nil), client(b, cfg).NewBus(nil)
	defer to.Listen("n1", &box{})()
	d := &cluster.Delivery{
		Kind: cluster.DeliverEntry, Conversation: 1, Users: []chat.UserID{1, 2, 3},
		Entry: &chat.Entry{Conversation: 1, Seq: 1, Sender: 1, Body: chat.Text{Text: "hello, this is a message of some length"}},
	}
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			if err := from.Deliver(b.Context(), "n1", d); err != nil {
				b.Error(err)
			}
		}
	})
}
