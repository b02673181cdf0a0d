package kafka_test

import (
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/porttest"
	"github.com/throng-im/throng/internal/store/kafka"
)

// settings are those of tests: a node is missed after a second and a half.
func settings(brokers []string, topic string) kafka.Config {
	cfg := kafka.DefaultConfig()
	cfg.Brokers, cfg.Topic, cfg.Partitions = brokers, topic, 4
	cfg.SessionTimeout, cfg.CommitInterval, cfg.Timeout = 1500*time.Millisecond, 50*time.Millisecond, 10*time.Second
	return cfg
}

// fake starts a cluster of three brokers within the process.
func fake(t testing.TB, opts ...kfake.Opt) (*kfake.Cluster, kafka.Config) {
	t.Helper()
	c, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(3), kfake.GroupMinSessionTimeout(time.Second)}, opts...)...)
	assert.NoError(t, "starting the fake", err)
	t.Cleanup(c.Close)
	return c, settings(c.ListenAddrs(), "events")
}

// ends are the ends of the partitions that hold something.
func ends(t testing.TB, c *kgo.Client, cfg kafka.Config) map[int32]int64 {
	t.Helper()
	all, err := kadm.NewClient(c).ListEndOffsets(t.Context(), cfg.Topic)
	assert.NoError(t, "ends", err)
	ends := map[int32]int64{}
	all.Each(func(o kadm.ListedOffset) {
		assert.NoError(t, "end", o.Err)
		if o.Offset > 0 {
			ends[o.Partition] = o.Offset
		}
	})
	return ends
}

func TestStreams(t *testing.T) {
	t.Parallel()
	porttest.Streams(t, func(t testing.TB) porttest.SharedStreams {
		_, cfg := fake(t)
		return shared(t, cfg)
	})
}

func TestPublisher(t *testing.T) {
	t.Parallel()
	porttest.Publisher(t, func(t testing.TB) porttest.PublishedEvents {
		cluster, cfg := fake(t)
		way := &cable{}
		fault := func(err *kerr.Error) func(testing.TB) func() {
			return func(testing.TB) func() {
				return cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: err, Count: -1}).Remove
			}
		}
		return porttest.PublishedEvents{
			Publisher: open(t, cfg, kafka.Deps{Dial: way.dial}),
			Stored:    func(t testing.TB) []chat.Event { return stored(t, cfg) },
			Faults: map[string]func(testing.TB) func(){
				"not the leader":             fault(kerr.NotLeaderForPartition),
				"too few replicas":           fault(kerr.NotEnoughReplicas),
				"stored, with too few":       fault(kerr.NotEnoughReplicasAfterAppend),
				"stored, and timed out":      fault(kerr.RequestTimedOut),
				"connections break":          func(testing.TB) func() { way.drop(); return func() {} },
				"leaders move":               func(testing.TB) func() { cluster.ShufflePartitionLeaders(); return func() {} },
				"a broker is away for a bit": func(t testing.TB) func() { return away(t, cluster) },
			},
		}
	})
}

// away takes one broker of the fake away, and brings it back, elsewhere.
func away(t testing.TB, cluster *kfake.Cluster) (back func()) {
	t.Helper()
	const node = 1
	if err := cluster.RemoveNode(node); err != nil {
		t.Errorf("removing a broker: %v", err)
	}
	return func() {
		if _, _, err := cluster.AddNode(node, 0); err != nil {
			t.Errorf("adding a broker: %v", err)
		}
	}
}

// TestABrokerIsAway: a queue is opened, and makes its topic, while one of the brokers that it was told of is away.
func TestABrokerIsAway(t *testing.T) {
	t.Parallel()
	cluster, cfg := fake(t)
	cfg.Replication = 2
	back := away(t, cluster)
	q := open(t, cfg, kafka.Deps{})
	assert.NoError(t, "check", q.Check(t.Context()))
	assert.NoError(t, "publishing", q.Publish(t.Context(), 3, []chat.Event{event(1, 1)}))
	back()
	assert.NoError(t, "publishing", q.Publish(t.Context(), 60, []chat.Event{event(1, 1)}))
}
