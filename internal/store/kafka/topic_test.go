package kafka_test

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/queue"
	"github.com/throng-im/throng/internal/store/kafka"
)

// TestTopicMadeAnew: where the topic is deleted under its followers, and made anew by whoever publishes, everything in the new one is followed, by a
// group that goes on and by one that comes back later: positions of the old one count for nothing.
func TestTopicMadeAnew(t *testing.T) {
	t.Parallel()
	_, cfg := fake(t)
	cfg.Partitions = 1
	reg := prometheus.NewRegistry()
	q := open(t, cfg, kafka.Deps{Metrics: reg})
	stays, goes := make(chan chat.Event, 100), make(chan chat.Event, 100)
	to := func(c chan<- chat.Event) func(queue.Stream, queue.Batch) {
		return func(_ queue.Stream, b queue.Batch) {
			for _, ev := range b.Events {
				c <- ev
			}
		}
	}
	given, _ := follow(t, q, "stays", to(stays))
	<-given
	given, stop := follow(t, q, "goes", to(goes))
	<-given
	next := chat.Seq(0)
	publish := func(n int) {
		for range n {
			next++
			for limit := time.Now().Add(20 * time.Second); ; {
				err := q.Publish(t.Context(), 0, []chat.Event{event(1, next)})
				if err == nil {
					break
				}
				assert.True(t, "published in time", time.Now().Before(limit))
			}
		}
	}
	take := func(what string, c <-chan chat.Event, from, to chat.Seq) {
		t.Helper()
		for want := from; want <= to; want++ {
			select {
			case ev := <-c:
				assert.Equal(t, what, ev.Entry.Seq, want)
			case <-time.After(20 * time.Second):
				t.Fatalf("%s: event %d did not come", what, want)
			}
		}
	}
	publish(5)
	take("before, who stays", stays, 1, 5)
	take("before, who goes", goes, 1, 5)
	stop() // commits 5

	c, err := kgo.NewClient(kgo.SeedBrokers(cfg.Brokers...))
	assert.NoError(t, "client", err)
	defer c.Close()
	_, err = kadm.NewClient(c).DeleteTopic(t.Context(), cfg.Topic)
	assert.NoError(t, "deleting", err)
	publish(3)
	take("fewer events than before", stays, 6, 8)
	publish(4)
	take("more events than before", stays, 9, 12)
	given, _ = follow(t, q, "goes", to(goes))
	<-given
	take("who comes back", goes, 6, 12)
	assert.True(t, "it is counted", metric(t, reg, "throng_kafka_lost_positions_total") >= 1)
}
