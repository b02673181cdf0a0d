//go:build cluster

package kafka_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/porttest"
	"github.com/throng-im/throng/internal/queue"
	"github.com/throng-im/throng/internal/store/kafka"
	"github.com/throng-im/throng/internal/store/mysql"
	"github.com/throng-im/throng/test/engines"
)

// TestEventsOfACluster: what the outbox of MySQL holds and the relay takes to Kafka is what followers of one process get.
func TestEventsOfACluster(t *testing.T) {
	t.Parallel()
	porttest.Events(t, func(t testing.TB) porttest.Engine {
		database, cfg := engines.MariaDB(t), real(t)
		cfg.Partitions, cfg.Trim = 1, true
		return clusterOn(t, database, cfg, true)
	})
}

// groups are counted, so that each engine of a test has one of its own.
var groups atomic.Int32

// clusterOn opens a node. Only the first one of a cluster relays: the others stand for what a power loss of it leaves, and nothing is
// published twice then.
func clusterOn(t testing.TB, database engines.Database, cfg kafka.Config, relays bool) porttest.Engine {
	t.Helper()
	c := mysql.DefaultConfig()
	c.Databases = []string{database.DSN}
	store, err := mysql.Open(t.Context(), c, mysql.Options{})
	assert.NoError(t, "opening the store", err)
	q, err := kafka.New(cfg, kafka.Deps{})
	assert.NoError(t, "opening the queue", err)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var running sync.WaitGroup
	if relays {
		relay, err := queue.NewRelay(queue.DefaultRelayConfig(), queue.RelayDeps{Node: "n", Outbox: store, Publisher: q})
		assert.NoError(t, "relay", err)
		running.Go(func() { _ = relay.Run(ctx) })
	}
	given := make(chan queue.Stream, 1)
	running.Go(func() {
		_ = q.Share(ctx, fmt.Sprint("g", groups.Add(1)), func(ctx context.Context, s queue.Stream) error {
			given <- s
			<-ctx.Done()
			return nil
		})
	})
	e := porttest.Engine{
		Log: store, Directory: store, Events: drained{<-given, store},
		Crash: func(t testing.TB) porttest.Engine { return clusterOn(t, database, cfg, false) },
		Close: sync.OnceValue(func() error {
			err := q.Close()
			cancel()
			running.Wait()
			if err == nil {
				err = store.Close()
			}
			return err
		}),
	}
	t.Cleanup(func() { _ = e.Close() })
	return e
}

// drained is a stream whose tail is behind everything committed, as that of one process is: it waits for the relay.
type drained struct {
	queue.Stream
	outbox queue.Outbox
}

func (d drained) Tail() chat.Position {
	all := make([]queue.Lane, queue.Lanes)
	for i := range all {
		all[i] = queue.Lane(i)
	}
	for {
		if waiting, err := d.outbox.Waiting(context.Background(), all); err == nil && len(waiting) == 0 {
			return d.Stream.Tail()
		}
		<-time.After(5 * time.Millisecond)
	}
}
