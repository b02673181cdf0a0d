//go:build cluster

package kafka_test

import (
	"context"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/porttest"
	"github.com/throng-im/throng/internal/store/kafka"
	"github.com/throng-im/throng/test/engines"
)

func TestMain(m *testing.M) { os.Exit(engines.Main(m)) }

// real are the settings for a topic of a test's own on the shared broker, whose sessions are of 6 s at least, as everywhere.
func real(t testing.TB) kafka.Config {
	t.Helper()
	k := engines.Kafka(t)
	cfg := settings(k.Brokers, k.Prefix+"events")
	cfg.Replication, cfg.SessionTimeout = 1, kafka.DefaultConfig().SessionTimeout
	return cfg
}

func TestStreamsOfKafka(t *testing.T) {
	t.Parallel()
	porttest.Streams(t, func(t testing.TB) porttest.SharedStreams { return shared(t, real(t)) })
}

func TestPublisherOfKafka(t *testing.T) {
	t.Parallel()
	porttest.Publisher(t, func(t testing.TB) porttest.PublishedEvents {
		cfg, way := real(t), &cable{}
		q := open(t, cfg, kafka.Deps{Dial: way.dial})
		assert.NoError(t, "check", q.Check(t.Context()))
		return porttest.PublishedEvents{
			Publisher: q,
			Stored:    func(t testing.TB) []chat.Event { return stored(t, cfg) },
			Faults: map[string]func(testing.TB) func(){
				"connections break": func(testing.TB) func() { way.drop(); return func() {} },
			},
		}
	})
}

// TestStormOfOneBroker is the real half of T12: a broker that is killed and comes back, and one that hangs for longer than a session.
func TestStormOfOneBroker(t *testing.T) {
	t.Parallel()
	broker := engines.PrivateKafka(t)
	k := broker.Topics()
	cfg := settings(k.Brokers, k.Prefix+"events")
	cfg.Replication, cfg.SessionTimeout, cfg.Partitions = 1, kafka.DefaultConfig().SessionTimeout, 8
	w := newWorld(func() kafka.Config { return cfg })
	assert.NoError(t, "check", open(t, cfg, kafka.Deps{}).Check(t.Context()))
	w.relay(t, "a")
	w.relay(t, "b")
	for range 2 {
		w.join(t)
	}
	w.begin()
	ctx, cancel := context.WithCancel(t.Context())
	var writing sync.WaitGroup
	writing.Go(func() { w.write(ctx) })
	for range 2 {
		<-time.After(time.Second)
		broker.Kill(t)
		<-time.After(time.Second)
		broker.Restart(t)
	}
	<-time.After(time.Second)
	broker.Stop(t)
	<-time.After(8 * time.Second)
	broker.Continue(t)
	<-time.After(time.Second)
	cancel()
	writing.Wait()
	w.settle(t)
	w.replay(t)
}
