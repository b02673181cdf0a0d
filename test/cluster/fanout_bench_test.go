//go:build cluster

package cluster_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/cluster"
	"github.com/throng-im/throng/internal/fanout"
	"github.com/throng-im/throng/internal/queue"
	"github.com/throng-im/throng/internal/store/redis"
	"github.com/throng-im/throng/test/engines"
)

// batches is a stream that hands so many events to its follower, in full batches, and then ends it.
type batches struct {
	queue.Stream

	events []chat.Event
	done   context.CancelFunc
}

func (s *batches) Share(ctx context.Context, _ string, follow func(ctx context.Context, s queue.Stream) error) error {
	return follow(ctx, s)
}

func (s *batches) Number() int                                     { return 0 }
func (s *batches) Position(context.Context) (chat.Position, error) { return 0, nil }
func (s *batches) Commit(context.Context, chat.Position) error     { return nil }
func (s *batches) Members(context.Context, chat.ConversationID, chat.UserID, int, chat.Role) ([]chat.Member, error) {
	return nil, nil
}

func (s *batches) Follow(ctx context.Context, from chat.Position, handle func(ctx context.Context, b queue.Batch) error) error {
	for at := int(from); at < len(s.events); at += 500 {
		end := min(at+500, len(s.events))
		if err := handle(ctx, queue.Batch{Position: chat.Position(end), Events: s.events[at:end]}); err != nil {
			return err
		}
	}
	s.done()
	<-ctx.Done()
	return nil
}

type counting struct{ come atomic.Int64 }

// Receive implements [cluster.Receiver].
func (c *counting) Receive(context.Context, *cluster.Delivery) error {
	c.come.Add(1)
	return nil
}

// BenchmarkFanout is how many events of one stream go out to five members each on three nodes, by way of Redis.
func BenchmarkFanout(b *testing.B) {
	r := engines.Redis(b)
	var routes []*redis.Routes
	var buses []*redis.Bus
	var heard [3]counting
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	for n := range heard {
		cfg := redis.DefaultConfig()
		cfg.Addresses, cfg.Prefix = []string{r.Address}, r.Prefix
		c, err := redis.Open(cfg)
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(c.Close)
		name := cluster.Node(fmt.Sprint("n", n))
		rt := c.NewRoutes(name, nil)
		go func() { _ = rt.Run(ctx) }()
		bus := c.NewBus(nil)
		b.Cleanup(bus.Listen(name, &heard[n]))
		routes, buses = append(routes, rt), append(buses, bus)
	}
	for u := chat.UserID(1); u <= 300; u++ {
		routes[u%3].Attach(u)
	}
	for _, rt := range routes {
		if err := rt.Flush(ctx); err != nil {
			b.Fatal(err)
		}
	}
	for _, conversations := range []int{1, 200} {
		b.Run(fmt.Sprint(conversations, " conversations"), func(b *testing.B) {
			run, end := context.WithCancel(ctx)
			s := &batches{done: end}
			for i := range b.N + conversations {
				id, seq := chat.ConversationID(i%conversations+1), chat.Seq(i/conversations+1)
				var body chat.Body = chat.Text{Text: "hello there"}
				if seq == 1 {
					m := chat.UserID(id)
					body = chat.Created{Kind: chat.KindGroup, Members: []chat.UserID{m, m + 1, m + 2, m + 3, m + 4}}
				}
				s.events = append(s.events, chat.Event{
					Entry: &chat.Entry{Conversation: id, Seq: seq, Body: body}, Head: chat.Head{Conversation: id, Seq: seq, Tier: chat.TierSmall},
				})
			}
			f, err := fanout.New(fanout.Default(), fanout.Deps{Streams: s, Members: s, Routes: routes[0], Bus: buses[0]})
			if err != nil {
				b.Fatal(err)
			}
			b.ResetTimer()
			_ = f.Run(run)
			b.ReportMetric(float64(len(s.events))/b.Elapsed().Seconds(), "events/s")
			b.StopTimer()
			for n := range heard { // each has one of the five
				if !within(ctx, patience, func() bool { return heard[n].come.Swap(0) > 0 }) {
					b.Errorf("node %d got nothing", n)
				}
			}
		})
	}
}
