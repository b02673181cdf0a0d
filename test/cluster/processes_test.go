//go:build cluster

package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/throng-im/throng/test/engines"
	"github.com/throng-im/throng/test/process"
)

var (
	builder process.Builder
	next    = process.Builder{Tags: "next"} // what the version after this one may be
)

func TestMain(m *testing.M) {
	builder.Built = os.Getenv(insideBinary)
	code := m.Run()
	if err := errors.Join(builder.Remove(), next.Remove(), engines.Close()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// ground is the engines that the nodes of a test share.
type ground struct {
	dsn     string
	redis   string // host:port
	prefix  string // of keys
	brokers []string
	topics  string // the beginning of their names
}

// shared is a ground of its own on the servers that all tests share.
func shared(t *testing.T) ground {
	t.Helper()
	redis, kafka := engines.Redis(t), engines.Kafka(t)
	return ground{
		dsn: engines.MariaDB(t).DSN, redis: redis.Address, prefix: redis.Prefix, brokers: kafka.Brokers, topics: kafka.Prefix,
	}
}

// outside is a node that is a process of its own.
type outside struct{ *process.Server }

// URL implements node.
func (o outside) URL() string {
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	url, err := o.Server.URL(ctx)
	if err != nil {
		return ""
	}
	return url
}

// env are the settings of a node on the ground, as environment variables.
func (g ground) env() []string {
	return []string{
		"THRONG_STORE_DRIVER=mysql", "THRONG_MYSQL_DATABASES=" + g.dsn,
		"THRONG_BUS_DRIVER=redis", "THRONG_ROUTES_DRIVER=redis", "THRONG_REDIS_ADDRESSES=" + g.redis, "THRONG_REDIS_PREFIX=" + g.prefix,
		"THRONG_QUEUE_DRIVER=kafka", "THRONG_KAFKA_BROKERS=" + strings.Join(g.brokers, ","), "THRONG_KAFKA_TOPIC=" + g.topics + "events",
		"THRONG_KAFKA_PARTITIONS=4", "THRONG_KAFKA_REPLICATION=1",
		"THRONG_ACCOUNT_SIGNING_SECRETS=" + signingSecret, "THRONG_TIERS_SMALL_MEMBERS=8", "THRONG_ACCOUNT_SESSIONS_TABLET=1", "THRONG_MEMORY_BUDGET=256MiB",
	}
}

// prepared is a node on a ground that does not run yet; it ends with the test.
func prepared(t *testing.T, number int, g ground, env ...string) outside {
	t.Helper()
	binary, err := builder.Binary(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	env = append(g.env(), env...)
	n := outside{process.New(binary, filepath.Join(t.TempDir(), fmt.Sprint("node", number)), env...)}
	t.Cleanup(func() {
		if n.URL() != "" {
			_ = n.Kill()
		}
		if t.Failed() {
			t.Logf("node %d said:\n%s", number, n.Said())
		}
	})
	return n
}

// processes starts so many nodes on a ground; they end with the test.
func processes(t *testing.T, count int, g ground, env ...string) []outside {
	t.Helper()
	nodes := make([]outside, count)
	for i := range nodes {
		nodes[i] = prepared(t, i, g, env...)
		if took, err := nodes[i].Start(t.Context()); err != nil {
			t.Fatalf("node %d: %v", i, err)
		} else {
			t.Logf("node %d was ready after %s", i, took.Round(time.Millisecond))
		}
	}
	return nodes
}

func nodesOf(all []outside) []node {
	out := make([]node, len(all))
	for i := range all {
		out[i] = all[i]
	}
	return out
}

// signingSecret is the same on all nodes.
const signingSecret = "a-signing-secret-of-all-nodes-0123456789"

// TestProcesses tells the stories on three processes.
func TestProcesses(t *testing.T) {
	t.Parallel()
	run(t, nodesOf(processes(t, 3, shared(t))))
}
