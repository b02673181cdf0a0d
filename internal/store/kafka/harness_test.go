package kafka_test

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/porttest"
	"github.com/throng-im/throng/internal/queue"
	"github.com/throng-im/throng/internal/store/kafka"
	"github.com/throng-im/throng/internal/store/record"
)

// cable is a node's way to the brokers, which a test may cut.
type cable struct {
	// guarded by mu
	mu    sync.Mutex
	cut   bool
	conns []net.Conn
}

func (c *cable) dial(ctx context.Context, network, address string) (net.Conn, error) {
	c.mu.Lock()
	cut := c.cut
	c.mu.Unlock()
	if cut {
		return nil, errors.New("the cable is cut")
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.conns = append(c.conns, conn)
	return conn, nil
}

// drop ends all connections, in whatever is under way on them.
func (c *cable) drop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, conn := range c.conns {
		_ = conn.Close()
	}
	c.conns = nil
}

func (c *cable) lose() {
	c.mu.Lock()
	c.cut = true
	c.mu.Unlock()
	c.drop()
}

// open makes a node's queue.
func open(t testing.TB, cfg kafka.Config, deps kafka.Deps) *kafka.Queue {
	t.Helper()
	q, err := kafka.New(cfg, deps)
	assert.NoError(t, "opening", err)
	t.Cleanup(func() { assert.NoError(t, "closing", q.Close()) })
	return q
}

// shared is the streams port on a topic.
func shared(t testing.TB, cfg kafka.Config) porttest.SharedStreams {
	t.Helper()
	publisher := open(t, cfg, kafka.Deps{})
	assert.NoError(t, "check", publisher.Check(t.Context()))
	var mu sync.Mutex
	heads := map[chat.ConversationID]chat.Seq{}
	return porttest.SharedStreams{
		Streams: cfg.Partitions,
		Append: func(t testing.TB, id chat.ConversationID, n int) {
			t.Helper()
			mu.Lock()
			defer mu.Unlock()
			var events []chat.Event
			for range n {
				heads[id]++
				events = append(events, event(id, heads[id]))
			}
			assert.NoError(t, "publishing", publisher.Publish(t.Context(), queue.LaneOf(id), events))
		},
		Join: func(t testing.TB) porttest.StreamsNode {
			way := &cable{}
			return porttest.StreamsNode{Streams: open(t, cfg, kafka.Deps{Dial: way.dial}), Lose: way.lose}
		},
	}
}

func event(id chat.ConversationID, seq chat.Seq) chat.Event {
	return chat.Event{
		Entry: &chat.Entry{Conversation: id, Seq: seq, Sender: 1, Body: chat.Text{Text: "x"}},
		Head:  chat.Head{Conversation: id, Kind: chat.KindGroup, Tier: chat.TierSmall, Seq: seq},
	}
}

// stored reads a whole topic with a client of its own.
func stored(t testing.TB, cfg kafka.Config) []chat.Event {
	t.Helper()
	c, err := kgo.NewClient(kgo.SeedBrokers(cfg.Brokers...), kgo.ConsumeTopics(cfg.Topic))
	assert.NoError(t, "client", err)
	defer c.Close()
	ends := ends(t, c, cfg)
	var all []chat.Event
	for len(ends) > 0 {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		fetches := c.PollFetches(ctx)
		cancel()
		assert.NoError(t, "polling", fetches.Err())
		fetches.EachRecord(func(r *kgo.Record) {
			ev, err := record.StreamEvent(r.Value)
			assert.NoError(t, "decoding", err)
			all = append(all, ev)
			if r.Offset+1 >= ends[r.Partition] {
				delete(ends, r.Partition)
			}
		})
	}
	return all
}
