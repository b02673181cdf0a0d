package kafka_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/queue"
	"github.com/throng-im/throng/internal/store/kafka"
)

// soon is within which time events come where nothing is in their way for long.
const soon = 20 * time.Second

// line is a conversation whose entries are published one after the other, whatever becomes of the topic meanwhile.
type line struct {
	q    *kafka.Queue
	last chat.Seq
}

func (l *line) publish(t testing.TB, n int) {
	t.Helper()
	for range n {
		l.last++
		limit := time.Now().Add(soon)
		for {
			err := l.q.Publish(t.Context(), 0, []chat.Event{event(1, l.last)})
			if err == nil {
				break
			}
			assert.True(t, "published in time: "+err.Error(), time.Now().Before(limit))
		}
	}
}

// heard is what a group has followed.
type heard chan chat.Event

func (h heard) note(_ queue.Stream, b queue.Batch) {
	for _, ev := range b.Events {
		h <- ev
	}
}

// take waits for entries, in their order. Earlier ones may come again.
func (h heard) take(t testing.TB, what string, from, to chat.Seq) {
	t.Helper()
	for want := from; want <= to; {
		select {
		case ev := <-h:
			assert.True(t, what+" skips nothing", ev.Entry.Seq <= want)
			if ev.Entry.Seq == want {
				want++
			}
		case <-time.After(soon):
			t.Fatalf("%s: entry %d did not come", what, want)
		}
	}
}

// operator is a client of another program's.
func operator(t testing.TB, cfg kafka.Config) *kgo.Client {
	t.Helper()
	c, err := kgo.NewClient(kgo.SeedBrokers(cfg.Brokers...))
	assert.NoError(t, "client", err)
	t.Cleanup(c.Close)
	return c
}

func deleteTopic(t testing.TB, c *kgo.Client, topic string) {
	t.Helper()
	_, err := kadm.NewClient(c).DeleteTopic(t.Context(), topic)
	assert.NoError(t, "deleting", err)
}

// TestTopicMadeAnew: where the topic is deleted under its followers, and made anew by whoever publishes, everything in the new one is followed, by a
// group that goes on and by one that comes back later: positions of the old one count for nothing.
func TestTopicMadeAnew(t *testing.T) {
	t.Parallel()
	_, cfg := fake(t)
	cfg.Partitions = 1
	reg := prometheus.NewRegistry()
	l := &line{q: open(t, cfg, kafka.Deps{Metrics: reg})}
	stays, goes := make(heard, 100), make(heard, 100)
	given, _ := follow(t, l.q, "stays", stays.note)
	<-given
	given, stop := follow(t, l.q, "goes", goes.note)
	<-given
	l.publish(t, 5)
	stays.take(t, "before, who stays", 1, 5)
	goes.take(t, "before, who goes", 1, 5)
	stop() // commits 5
	reaches(t, l.q, "goes", 5)

	deleteTopic(t, operator(t, cfg), cfg.Topic)
	l.publish(t, 3)
	reaches(t, l.q, "goes", 0)
	stays.take(t, "fewer events than before", 6, 8)
	l.publish(t, 4)
	stays.take(t, "more events than before", 9, 12)
	given, _ = follow(t, l.q, "goes", goes.note)
	<-given
	goes.take(t, "who comes back", 6, 12)
	reaches(t, l.q, "goes", 7)
	assert.True(t, "it is counted", metric(t, reg, "throng_kafka_lost_positions_total") >= 1)
}

// TestFirstEventOfANewGroup: the first event of a stream comes while a new group looks for where to begin, before any of its questions is answered.
// It is followed.
func TestFirstEventOfANewGroup(t *testing.T) {
	t.Parallel()
	for n := range 7 { // some are asked again
		t.Run(fmt.Sprint("question ", n+1), func(t *testing.T) {
			t.Parallel()
			cluster, cfg := fake(t)
			cfg.Partitions = 1
			l, g := &line{q: open(t, cfg, kafka.Deps{})}, make(heard, 100)
			publish, asked := sync.OnceFunc(func() { l.publish(t, 1) }), 0
			cluster.ControlKey(int16(kmsg.ListOffsets), func(kmsg.Request) (kmsg.Response, error, bool) {
				cluster.KeepControl()
				if asked++; asked == n+1 {
					cluster.SleepControl(publish)
				}
				return nil, nil, false
			})
			given, _ := follow(t, l.q, "g", g.note)
			<-given
			publish()
			g.take(t, "from the start", 1, 1)
		})
	}
}

// TestTopicMadeAnewIsHeardOfLate: a broker that has not heard yet of the topic that was made anew tells a group's new clients of the old
// one. They do not follow that for ever.
func TestTopicMadeAnewIsHeardOfLate(t *testing.T) {
	t.Parallel()
	cluster, cfg := fake(t)
	cfg.Partitions = 1
	l, g := &line{q: open(t, cfg, kafka.Deps{})}, make(heard, 100)
	given, _ := follow(t, l.q, "g", g.note)
	<-given
	l.publish(t, 5)
	g.take(t, "before", 1, 5)

	other := operator(t, cfg)
	ask := kmsg.NewPtrMetadataRequest()
	named := kmsg.NewMetadataRequestTopic()
	named.Topic = kmsg.StringPtr(cfg.Topic)
	ask.Topics = append(ask.Topics, named)
	old, err := ask.RequestWith(t.Context(), other)
	assert.NoError(t, "asking", err)
	deleteTopic(t, other, cfg.Topic)
	l.publish(t, 3)
	var left time.Time // when the group let go of the old topic: its next clients ask for it right then
	cluster.ControlKey(int16(kmsg.LeaveGroup), func(kmsg.Request) (kmsg.Response, error, bool) {
		if left.IsZero() {
			left = time.Now()
		}
		return nil, nil, false
	})
	cluster.ControlKey(int16(kmsg.Metadata), func(req kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		if left.IsZero() || time.Since(left) > time.Second {
			return nil, nil, false
		}
		late := *old
		late.Version = req.GetVersion()
		return &late, nil, true
	})
	g.take(t, "afterwards", 6, 8)
}
