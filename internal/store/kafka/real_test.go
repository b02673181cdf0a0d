//go:build cluster

package kafka_test

import (
	"os"
	"testing"

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
