package kafka_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/queue"
	"github.com/throng-im/throng/internal/store/kafka"
	"github.com/throng-im/throng/internal/store/record"
)

// follow shares a group until the test ends, and hands on what comes, stream by stream.
func follow(t testing.TB, q *kafka.Queue, group string, handle func(s queue.Stream, b queue.Batch)) (followed <-chan queue.Stream, stop func()) {
	t.Helper()
	given := make(chan queue.Stream, queue.Lanes)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() {
		ended <- q.Share(ctx, group, func(ctx context.Context, s queue.Stream) error {
			from, err := s.Position(ctx)
			if err != nil {
				return err
			}
			given <- s
			return s.Follow(ctx, from, func(ctx context.Context, b queue.Batch) error {
				handle(s, b)
				return s.Commit(ctx, b.Position)
			})
		})
	}()
	stop = sync.OnceFunc(func() {
		cancel()
		assert.NoError(t, "share", <-ended)
	})
	t.Cleanup(stop)
	return given, stop
}

func metric(t testing.TB, reg *prometheus.Registry, name string) (sum float64) {
	t.Helper()
	families, err := reg.Gather()
	assert.NoError(t, "gathering", err)
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == name {
				sum += m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
			}
		}
	}
	return sum
}

// TestRecordsThatCannotBeRead: what a later version wrote, or was damaged, is counted and passed over.
func TestRecordsThatCannotBeRead(t *testing.T) {
	t.Parallel()
	_, cfg := fake(t)
	cfg.Partitions = 1
	reg := prometheus.NewRegistry()
	q := open(t, cfg, kafka.Deps{Metrics: reg})
	come := make(chan chat.Event, 10)
	given, _ := follow(t, q, "g", func(_ queue.Stream, b queue.Batch) {
		for _, ev := range b.Events {
			come <- ev
		}
	})
	<-given
	c, err := kgo.NewClient(kgo.SeedBrokers(cfg.Brokers...), kgo.DefaultProduceTopic(cfg.Topic))
	assert.NoError(t, "client", err)
	defer c.Close()
	good := record.AppendStreamEvent(nil, event(1, 1))
	later := append([]byte{good[0] + 1}, good[1:]...)
	for _, value := range [][]byte{later, good[:len(good)/2], nil, good, later} {
		assert.NoError(t, "producing", c.ProduceSync(t.Context(), &kgo.Record{Value: value}).FirstErr())
	}
	assert.Equal(t, "what is handed over", (<-come).Entry.Seq, 1)
	reaches(t, q, "g", 5) // they are dealt with, also where nothing comes behind them
	assert.Equal(t, "refused", metric(t, reg, "throng_kafka_refused_total"), 4)
}

// reaches waits until a group has committed a position of the only stream.
func reaches(t testing.TB, q *kafka.Queue, group string, want chat.Position) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for late := time.After(10 * time.Second); ; {
		at, err := q.Committed(t.Context(), group)
		assert.NoError(t, "committed", err)
		if at[0] == want {
			return
		}
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("%s has come to %d, not to %d", group, at[0], want)
		}
	}
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	_, cfg := fake(t)
	reg := prometheus.NewRegistry()
	q := open(t, cfg, kafka.Deps{Metrics: reg})
	come := make(chan int, 10)
	given, stop := follow(t, q, "g", func(_ queue.Stream, b queue.Batch) { come <- len(b.Events) })
	for range cfg.Partitions {
		<-given
	}
	assert.NoError(t, "publishing", q.Publish(t.Context(), 0, []chat.Event{event(1, 1), event(1, 2)}))
	<-come
	assert.Equal(t, "streams", metric(t, reg, "throng_kafka_streams"), 4)
	assert.Equal(t, "published", metric(t, reg, "throng_kafka_published_total"), 2)
	stop()
	assert.Equal(t, "handled", metric(t, reg, "throng_kafka_handled_total"), 2)
	assert.Equal(t, "delay", metric(t, reg, "throng_kafka_delay_seconds"), 1)
	assert.Equal(t, "streams after the end", metric(t, reg, "throng_kafka_streams"), 0)
	assert.True(t, "calls", metric(t, reg, "throng_kafka_call_seconds") >= 2)
}

// TestTrim: events stay until every group has passed them, and what is gone is said to be.
func TestTrim(t *testing.T) {
	t.Parallel()
	_, cfg := fake(t)
	cfg.Partitions, cfg.Trim = 1, true
	q := open(t, cfg, kafka.Deps{})
	type at struct {
		stream queue.Stream
		upTo   chat.Position
	}
	quick, slow := make(chan at, 10), make(chan at, 10)
	given, _ := follow(t, q, "quick", func(s queue.Stream, b queue.Batch) { quick <- at{s, b.Position} })
	<-given
	given, stop := follow(t, q, "slow", func(s queue.Stream, b queue.Batch) { slow <- at{s, b.Position} })
	<-given
	assert.NoError(t, "publishing", q.Publish(t.Context(), 0, []chat.Event{event(1, 1), event(1, 2)}))
	<-quick
	<-slow
	stop() // commits 2
	assert.NoError(t, "publishing", q.Publish(t.Context(), 0, []chat.Event{event(1, 3)}))
	last := <-quick
	assert.Equal(t, "position", last.upTo, 3)
	assert.NoError(t, "trim", last.stream.Trim(t.Context(), last.upTo+100))
	seqs := stored(t, cfg)
	assert.Equal(t, "what the slow group has not passed stays", len(seqs), 1)
	assert.Equal(t, "which is", seqs[0].Entry.Seq, 3)

	cfg.Trim = false
	other := open(t, cfg, kafka.Deps{})
	checked := make(chan error, 1)
	_ = share(t, other, "third", func(ctx context.Context, s queue.Stream) error {
		checked <- s.Follow(ctx, 0, func(context.Context, queue.Batch) error { return nil })
		<-ctx.Done()
		return nil
	})
	assert.Equal(t, "what is gone", chat.AsError(<-checked).Code, chat.CodeGone)
}

func share(t testing.TB, q *kafka.Queue, group string, follow func(ctx context.Context, s queue.Stream) error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- q.Share(ctx, group, follow) }()
	stop = sync.OnceFunc(func() {
		cancel()
		assert.NoError(t, "share", <-ended)
	})
	t.Cleanup(stop)
	return stop
}

// TestKafkaComesLater: a node starts while Kafka is away, and follows once it is there.
func TestKafkaComesLater(t *testing.T) {
	t.Parallel()
	way := &cable{cut: true}
	_, cfg := fake(t)
	cfg.Timeout = 500 * time.Millisecond
	q := open(t, cfg, kafka.Deps{Dial: way.dial})
	come := make(chan chat.Event, 10)
	given, _ := follow(t, q, "g", func(_ queue.Stream, b queue.Batch) { come <- b.Events[0] })
	err := q.Check(t.Context())
	assert.Equal(t, "check", chat.AsError(err).Code, chat.CodeUnavailable)
	err = q.Publish(t.Context(), 0, []chat.Event{event(1, 1)})
	assert.Equal(t, "publishing", chat.AsError(err).Code, chat.CodeUnavailable)
	way.mu.Lock()
	way.cut = false
	way.mu.Unlock()
	for range cfg.Partitions {
		<-given
	}
	assert.NoError(t, "publishing", q.Publish(t.Context(), 0, []chat.Event{event(1, 1)}))
	assert.Equal(t, "what comes", (<-come).Entry.Seq, 1)
}

func TestAClosedQueue(t *testing.T) {
	t.Parallel()
	_, cfg := fake(t)
	cfg.Partitions = 1
	q := open(t, cfg, kafka.Deps{})
	ended, begun := make(chan error, 1), make(chan struct{})
	followed := make(chan error, 1)
	go func() {
		ended <- q.Share(context.Background(), "g", func(ctx context.Context, s queue.Stream) error {
			close(begun)
			followed <- s.Follow(context.WithoutCancel(ctx), 0, func(context.Context, queue.Batch) error { return nil })
			<-ctx.Done()
			return nil
		})
	}()
	<-begun
	assert.NoError(t, "publishing", q.Publish(t.Context(), 0, []chat.Event{event(1, 1)}))
	assert.NoError(t, "closing", q.Close())
	assert.Equal(t, "follow", chat.AsError(<-followed).Code, chat.CodeUnavailable)
	assert.Equal(t, "share", chat.AsError(<-ended).Code, chat.CodeUnavailable)
	assert.Equal(t, "publish", chat.AsError(q.Publish(t.Context(), 0, []chat.Event{event(1, 2)})).Code, chat.CodeUnavailable)
	assert.Equal(t, "share again", chat.AsError(q.Share(t.Context(), "g", nil)).Code, chat.CodeUnavailable)
}

// TestTopicsThatCannotWork, and those that may lose something.
func TestTopicsAreChecked(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		what       string
		partitions int32
		settings   map[string]string
		refused    string
		warned     string
	}{
		{"another number of partitions", 7, nil, "but topic events has 7", ""},
		{"compaction", 4, map[string]string{"cleanup.policy": "compact"}, "is compacted", ""},
		{"small records", 4, map[string]string{"max.message.bytes": "1000"}, "max.message.bytes", ""},
		{"one broker acknowledges", 4, map[string]string{"min.insync.replicas": "1"}, "", "min.insync.replicas is below 2"},
		{"all brokers have to", 4, map[string]string{"min.insync.replicas": "3"}, "", "without any one broker"},
		{"a leader without the last events", 4, map[string]string{"min.insync.replicas": "2", "unclean.leader.election.enable": "true"}, "", "unclean"},
		{"nothing wrong", 4, map[string]string{"min.insync.replicas": "2"}, "", ""},
	} {
		t.Run(c.what, func(t *testing.T) {
			t.Parallel()
			cluster, cfg := fake(t)
			assert.NoError(t, "creating", cluster.CreateTopic(cfg.Topic, c.partitions, c.settings))
			var said bytes.Buffer
			q := open(t, cfg, kafka.Deps{Logger: slog.New(slog.NewTextHandler(&said, &slog.HandlerOptions{Level: slog.LevelWarn}))})
			err := q.Check(t.Context())
			if c.refused != "" {
				assert.True(t, "refused", err != nil && strings.Contains(err.Error(), c.refused))
				assert.Equal(t, "code", chat.AsError(err).Code, chat.CodeFailedPrecondition)
				return
			}
			assert.NoError(t, "check", err)
			if c.warned == "" {
				assert.Equal(t, "warnings", said.String(), "")
			}
			assert.True(t, "warned: "+said.String(), strings.Contains(said.String(), c.warned))
		})
	}
}

// TestSignIn: TLS, and each mechanism; a wrong password is an error and no hang.
func TestSignIn(t *testing.T) {
	t.Parallel()
	pair, ca := certificate(t)
	for mechanism, name := range map[string]string{"plain": "PLAIN", "scram-sha-256": "SCRAM-SHA-256", "scram-sha-512": "SCRAM-SHA-512"} {
		t.Run(mechanism, func(t *testing.T) {
			t.Parallel()
			_, cfg := fake(t, kfake.EnableSASL(), kfake.Superuser(name, "throng", "right"), kfake.TLS(&tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}))
			cfg.TLS, cfg.CAFile, cfg.SASL, cfg.User, cfg.Password = true, ca, mechanism, "throng", "right"
			q := open(t, cfg, kafka.Deps{})
			assert.NoError(t, "publishing", q.Publish(t.Context(), 0, []chat.Event{event(1, 1)}))
			cfg.Password = "wrong"
			err := open(t, cfg, kafka.Deps{}).Check(t.Context())
			assert.Equal(t, "a wrong password", chat.AsError(err).Code, chat.CodeUnavailable)
		})
	}
}

// certificate makes one for the loopback, and the file of its authority, which is itself.
func certificate(t testing.TB) (tls.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	assert.NoError(t, "key", err)
	of := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, of, of, &key.PublicKey, key)
	assert.NoError(t, "certificate", err)
	file := filepath.Join(t.TempDir(), "ca.pem")
	assert.NoError(t, "writing", os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, file
}

// TestEventsAreGone: a group whose position Kafka does not have any more, or not yet, goes on with what there is, and says so. What is there
// before a position that never was in it may be other events than those that were followed: the late ones come again.
func TestEventsAreGone(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct{ position, dropped, goesOn int64 }{
		"before the first": {1, 3, 3}, "behind the last": {100, 0, 0}, "where it was": {2, 0, 2}, "at the end": {5, 0, 5},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			cluster, cfg := fake(t)
			cfg.Partitions = 1
			reg := prometheus.NewRegistry()
			q := open(t, cfg, kafka.Deps{Metrics: reg})
			var events []chat.Event
			for seq := range chat.Seq(5) {
				events = append(events, event(1, seq+1))
			}
			assert.NoError(t, "publishing", q.Publish(t.Context(), 0, events))
			assert.NoError(t, "dropping", cluster.DeleteRecords(cfg.Topic, 0, c.dropped))
			client, err := kgo.NewClient(kgo.SeedBrokers(cfg.Brokers...))
			assert.NoError(t, "client", err)
			defer client.Close()
			var at kadm.Offsets
			at.AddOffset(cfg.Topic, 0, c.position, -1)
			assert.NoError(t, "committing", kadm.NewClient(client).CommitAllOffsets(t.Context(), cfg.Topic+".g", at))

			come := make(chan chat.Seq, 10)
			given, _ := follow(t, q, "g", func(_ queue.Stream, b queue.Batch) {
				for _, ev := range b.Events {
					come <- ev.Entry.Seq
				}
			})
			<-given
			assert.NoError(t, "publishing", q.Publish(t.Context(), 0, []chat.Event{event(1, 6)}))
			for seq := chat.Seq(c.goesOn + 1); seq <= 6; seq++ {
				assert.Equal(t, "seq", <-come, seq)
			}
			lost := 0.0
			if c.position != c.goesOn {
				lost = 1
			}
			assert.Equal(t, "lost positions", metric(t, reg, "throng_kafka_lost_positions_total"), lost)
		})
	}
}
