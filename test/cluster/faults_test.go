//go:build cluster

package cluster_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/throng-im/throng/client"
	"github.com/throng-im/throng/test/engines"
)

// own is a ground whose engines a test may break.
type own struct {
	ground

	maria *engines.MariaDBServer
	redis *engines.RedisServer
	kafka *engines.KafkaServer
}

// breakable starts engines for one test. Those that it does not name are the shared ones.
func breakable(t *testing.T, maria, redis, kafka bool) own {
	t.Helper()
	o := own{ground: shared(t)}
	if maria {
		o.maria = engines.PrivateMariaDB(t)
		o.dsn = o.maria.Database(t).DSN
	}
	if redis {
		o.redis = engines.PrivateRedis(t)
		o.ground.redis, o.prefix = o.redis.Address(), "broken"
	}
	if kafka {
		o.kafka = engines.PrivateKafka(t)
		topics := o.kafka.Topics()
		o.brokers, o.topics = topics.Brokers, topics.Prefix
	}
	return o
}

// under runs a crowd on three processes while break breaks things, and judges once everything is well again.
func under(t *testing.T, o own, perSecond int, breaks func(ctx context.Context, c *crowd, nodes []outside, rng *rand.Rand), env ...string) *crowd {
	t.Helper()
	nodes := processes(t, 3, o.ground, env...)
	return during(t, nodesOf(nodes), perSecond, func(ctx context.Context, c *crowd, rng *rand.Rand) { breaks(ctx, c, nodes, rng) })
}

// during is under with nodes that run already.
func during(t *testing.T, nodes []node, perSecond int, breaks func(ctx context.Context, c *crowd, rng *rand.Rand)) *crowd {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	c := gather(&world{t: t, nodes: nodes}, 18, 15, rand.New(rand.NewPCG(seed, 1)))
	ctx, cancel := context.WithCancel(t.Context())
	var talking sync.WaitGroup
	talking.Go(func() { c.talk(ctx, perSecond, rand.New(rand.NewPCG(seed, 2))) })
	breaks(t.Context(), c, rand.New(rand.NewPCG(seed, 3)))
	cancel()
	talking.Wait()
	c.settle(2 * patience)
	t.Logf("%d acknowledged, %d of them as repeats; the slowest acknowledgement took %s",
		c.acked.Load(), c.repeats.Load(), c.slowest().Round(time.Millisecond))
	return c
}

func nightly() bool { return os.Getenv("RELIABILITY") == "nightly" }

// command sends a line to Redis and reads the beginning of the answer.
func command(t *testing.T, address, line string) string {
	t.Helper()
	var d net.Dialer
	conn, err := d.DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprintf(conn, "%s\r\n", line); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, 512)
	n, err := conn.Read(answer)
	if err != nil {
		t.Fatal(err)
	}
	return string(answer[:n])
}

// TestRedisWiped is T11: Redis forgets everything, is killed and comes back empty, and hangs for longer than every lease. Sends go on, nothing is
// lost, and everybody hears everything afterwards (I10).
func TestRedisWiped(t *testing.T) {
	t.Parallel()
	o := breakable(t, false, true, false)
	rounds := 2
	if nightly() {
		rounds = 66
	}
	under(t, o, 100, func(ctx context.Context, c *crowd, _ []outside, _ *rand.Rand) {
		for range rounds {
			pause(ctx, 2*time.Second)
			if answer := command(t, o.redis.Address(), "FLUSHALL"); answer != "+OK\r\n" {
				t.Fatalf("FLUSHALL answered %q", answer)
			}
			pause(ctx, 3*time.Second)
			o.redis.Restart(t) // by a kill; it keeps nothing
			pause(ctx, 3*time.Second)
		}
		hung := time.Now()
		o.redis.Stop(t)
		pause(ctx, 2*time.Second)
		c.w.join(1, c.users[0]).leave() // who comes while it is away is let in
		pause(ctx, time.Until(hung.Add(10*time.Second)))
		o.redis.Continue(t)
		c.unmoved(hung, time.Now(), "Redis")
	})
}

// TestKafkaStopped: while Kafka hangs, live delivery goes on within a second, and sends do not wait; afterwards nobody misses anything (I11).
func TestKafkaStopped(t *testing.T) {
	t.Parallel()
	o := breakable(t, false, false, true)
	under(t, o, 50, func(ctx context.Context, c *crowd, _ []outside, _ *rand.Rand) {
		pause(ctx, 2*time.Second)
		hung := time.Now()
		o.kafka.Stop(t)
		pause(ctx, 3*time.Second) // it counts as away by now
		var room client.ConversationID
		var members []int
		for room, members = range c.rooms {
			break
		}
		for n := range 10 {
			seq := c.send(members[n%len(members)], room)
			begin := time.Now()
			c.devices[members[(n+1)%len(members)]].hears(room, seq)
			if took := time.Since(begin); took > time.Second {
				t.Errorf("with Kafka away a message took %s from its acknowledgement to its receiver", took)
			}
		}
		o.kafka.Continue(t)
		c.unmoved(hung, time.Now(), "Kafka")
		pause(ctx, 2*time.Second)
		o.kafka.Restart(t) // by a kill
	})
}

// TestMariaDBKilled: the database is killed under load and started again. What was acknowledged stands.
func TestMariaDBKilled(t *testing.T) {
	t.Parallel()
	o := breakable(t, true, false, false)
	kills := 3
	if nightly() {
		kills = 50
	}
	under(t, o, 200, func(ctx context.Context, _ *crowd, _ []outside, _ *rand.Rand) {
		for range kills {
			pause(ctx, 2*time.Second)
			o.maria.Restart(t)
		}
		pause(ctx, time.Second)
	})
}

// TestPauses is T9: nodes and engines stop for up to ten seconds, longer than every lease, and go on. Late writes of who was paused are put in order or
// refused by the engines.
func TestPauses(t *testing.T) {
	t.Parallel()
	o := breakable(t, true, true, true)
	cycles := 10
	if nightly() {
		cycles = 250
	}
	under(t, o, 100, func(ctx context.Context, _ *crowd, nodes []outside, rng *rand.Rand) {
		for n := range cycles {
			pause(ctx, time.Second)
			length := time.Second + time.Duration(rng.IntN(3_000))*time.Millisecond
			if n%5 == 4 {
				length = 10 * time.Second
			}
			switch n % 5 {
			case 3:
				o.redis.Stop(t)
				pause(ctx, length)
				o.redis.Continue(t)
			case 1:
				o.maria.Stop(t)
				pause(ctx, length)
				o.maria.Continue(t)
			default:
				s := nodes[rng.IntN(len(nodes))]
				signal(t, s, true)
				pause(ctx, length)
				signal(t, s, false)
			}
		}
	})
}

// TestRollingRestart is T14: each node is told to end under load and started again, one after the other. Nothing is lost or repeated, and
// each client goes elsewhere at most once per node (I21).
func TestRollingRestart(t *testing.T) {
	t.Parallel()
	rounds := 1
	if nightly() {
		rounds = 10
	}
	c := under(t, own{ground: shared(t)}, 200, func(ctx context.Context, _ *crowd, nodes []outside, _ *rand.Rand) {
		for range rounds {
			for _, s := range nodes {
				pause(ctx, 2*time.Second)
				if err := s.Server.Stop(); err != nil {
					t.Error(err)
				}
				if _, err := s.Start(ctx); err != nil {
					t.Fatal(err)
				}
			}
		}
		pause(ctx, time.Second)
	})
	for _, d := range c.devices {
		if n := d.reconnects(); n > 3*rounds {
			t.Errorf("%s connected again %d times in %d restarts", d.stream.Device, n, 3*rounds)
		}
	}
}
