//go:build cluster

package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"regexp"
	"strconv"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/go-sql-driver/mysql"

	"github.com/throng-im/throng/client"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
	"github.com/throng-im/throng/test/engines"
	"github.com/throng-im/throng/test/process"
	"github.com/throng-im/throng/test/proxy"
)

// trouble is something that happens on the way to an engine, and how long it lasts.
type trouble struct {
	name  string
	lasts time.Duration
	make  func(p *proxy.Proxy)
}

// troubles are those of T8. Silence lasts so long that it is noticed.
func troubles(silence time.Duration) []trouble {
	set := func(f proxy.Faults) func(*proxy.Proxy) { return func(p *proxy.Proxy) { p.Set(f) } }
	return []trouble{
		{"late", 2 * time.Second, set(proxy.Faults{Delay: 20 * time.Millisecond, Jitter: 40 * time.Millisecond})},
		{"slow", time.Second, set(proxy.Faults{Rate: 64 << 10})},
		{"in pieces", time.Second, set(proxy.Faults{Slice: 16})},
		{"silent", silence, set(proxy.Faults{HoldRequests: true, HoldReplies: true})},
		{"deaf", time.Second, set(proxy.Faults{HoldRequests: true})},
		{"mute", time.Second, set(proxy.Faults{HoldReplies: true})},
		{"cut within replies", 2 * time.Second, set(proxy.Faults{Cut: 20_000})},
		{"reset", 500 * time.Millisecond, (*proxy.Proxy).Reset},
		{"gone without a word", silence, (*proxy.Proxy).Vanish},
		{"told of clients that are gone", time.Second, (*proxy.Proxy).Orphan},
	}
}

// troubled lets one trouble after another happen on the way to an engine, in an order that is drawn, with a moment of health behind each.
// While says what else happens during one.
func troubled(ctx context.Context, t *testing.T, p *proxy.Proxy, silence time.Duration, rng *rand.Rand, while func(name string)) {
	t.Helper()
	rounds := 1
	if nightly() {
		rounds = 8
	}
	for range rounds {
		list := troubles(silence)
		rng.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
		for _, one := range list {
			begun := time.Now()
			one.make(p)
			while(one.name)
			pause(ctx, time.Until(begun.Add(one.lasts)))
			p.Set(proxy.Faults{})
			pause(ctx, 700*time.Millisecond)
		}
	}
}

// watched are settings of nodes whose metrics the test reads.
const watched = "THRONG_METRICS_LISTEN=127.0.0.1:0"

var goroutineCount = regexp.MustCompile(`(?m)^go_goroutines (\d+)`)

// goroutines is how many a node has; 0 while it does not say.
func goroutines(ctx context.Context, n outside) int {
	_, text, err := process.Get(ctx, n.Metrics())
	if m := goroutineCount.FindStringSubmatch(text); err == nil && m != nil {
		count, _ := strconv.Atoi(m[1])
		return count
	}
	return 0
}

// bounded runs what breaks things, and checks that nodes do not pile up what waits for it.
func bounded(ctx context.Context, t *testing.T, nodes []outside, breaks func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(ctx)
	before, most := 0, 0
	for _, n := range nodes {
		before = max(before, goroutines(ctx, n))
	}
	var watching sync.WaitGroup
	watching.Go(func() {
		for ctx.Err() == nil {
			for _, n := range nodes {
				most = max(most, goroutines(ctx, n))
			}
			pause(ctx, 100*time.Millisecond)
		}
	})
	breaks()
	cancel()
	watching.Wait()
	t.Logf("at most %d goroutines, %d before", most, before)
	if before == 0 || most > before+200 {
		t.Errorf("a node had %d goroutines while things broke, %d before", most, before)
	}
}

// restarted has a node killed and started while an engine that it can do without is silent.
func restarted(ctx context.Context, t *testing.T, n outside) {
	t.Helper()
	if err := n.Kill(); err != nil {
		t.Fatal(err)
	}
	if _, err := n.Start(ctx); err != nil {
		t.Fatalf("starting without an engine: %v", err)
	}
}

// TestRedisThroughAProxy is T8 for Redis: sends wait for it in no way that it may fail, a node starts without it, and afterwards everybody
// was told everything.
func TestRedisThroughAProxy(t *testing.T) {
	t.Parallel()
	o := own{ground: shared(t)}
	p := proxy.New(t, o.ground.redis)
	o.ground.redis = p.Address()
	under(t, o, 50, func(ctx context.Context, c *crowd, nodes []outside, rng *rand.Rand) {
		from := time.Now()
		bounded(ctx, t, nodes, func() {
			troubled(ctx, t, p, 3*time.Second, rng, func(name string) {
				if name == "silent" {
					restarted(ctx, t, nodes[2])
				}
			})
		})
		c.unmoved(from, time.Now(), "Redis")
	}, watched)
}

// TestKafkaThroughAProxy is T8 for Kafka, which tells its clients to come through the proxy too.
func TestKafkaThroughAProxy(t *testing.T) {
	t.Parallel()
	p := proxy.New(t, "")
	kafka := engines.PrivateKafka(t, "advertised.listeners=PLAINTEXT://"+p.Address())
	p.To(kafka.Address())
	o := own{ground: shared(t)}
	o.brokers = []string{p.Address()}
	under(t, o, 50, func(ctx context.Context, c *crowd, nodes []outside, rng *rand.Rand) {
		from := time.Now()
		bounded(ctx, t, nodes, func() {
			troubled(ctx, t, p, 4*time.Second, rng, func(name string) {
				if name == "silent" {
					restarted(ctx, t, nodes[2])
				}
			})
		})
		c.unmoved(from, time.Now(), "Kafka")
	}, watched)
}

// TestMySQLThroughAProxy is T8 for MySQL: what senders are told is true in every way that it may fail, calls fail soon instead of holding
// whoever serves them, and afterwards nothing is lost or there twice.
func TestMySQLThroughAProxy(t *testing.T) {
	t.Parallel()
	o := own{ground: shared(t)}
	dsn, err := mysql.ParseDSN(o.dsn)
	if err != nil {
		t.Fatal(err)
	}
	p := proxy.New(t, dsn.Addr)
	dsn.Addr = p.Address()
	o.dsn = dsn.FormatDSN()
	under(t, o, 100, func(ctx context.Context, c *crowd, nodes []outside, rng *rand.Rand) {
		users := c.w.people(2) // without devices
		b := backend{w: c.w, by: users[0], room: c.w.group(0, users...)}
		bounded(ctx, t, nodes, func() {
			troubled(ctx, t, p, 5*time.Second, rng, func(name string) {
				for n := range nodes {
					b.send(n)
				}
				if name == "silent" {
					b.failsSoon(nodes[1])
				}
			})
		})
		b.judge()
	}, watched, "THRONG_MYSQL_TIMEOUT=2s", "THRONG_MYSQL_LOCK_WAIT=1s")
}

// backend sends by plain calls, each once, and remembers what it was told.
type backend struct {
	w    *world
	by   client.UserID
	room client.ConversationID

	// owned by the test
	told []*client.Error // of each send; nil where it was acknowledged
}

// send sends once through a node.
func (b *backend) send(node int) {
	b.w.t.Helper()
	n := len(b.told)
	begun := time.Now()
	_, err := b.w.back(node, b.by).Messages.Send(b.w.ctx(), connect.NewRequest(&throngv1.SendRequest{
		Conversation: uint64(b.room), ClientId: clientID(int64(1_000_000 + n)), Body: &throngv1.SendRequest_Text{Text: fmt.Sprint("call ", n)},
	}))
	var told *client.Error
	if err != nil && !errors.As(err, &told) {
		b.w.t.Errorf("call %d: %v", n, err)
	}
	if took := time.Since(begun); took > patience {
		b.w.t.Errorf("call %d was answered after %s", n, took)
	}
	b.told = append(b.told, told)
}

// failsSoon checks that calls for which a node needs a database that is silent are refused at once before long, time and again.
func (b *backend) failsSoon(n outside) {
	b.w.t.Helper()
	soon := 0
	enough := func() bool {
		begun := time.Now()
		status, _, err := process.Get(b.w.ctx(), n.URL()+"/readyz")
		if soon++; err != nil || status != http.StatusServiceUnavailable || time.Since(begun) > 500*time.Millisecond {
			soon = 0
		}
		return soon > 5
	}
	if !within(b.w.ctx(), patience, enough) {
		b.w.t.Error("the node does not say at once that its database is silent")
	}
}

// judge holds what was told against the log: what was refused is not there, what was acknowledged is, nothing is there twice.
func (b *backend) judge() {
	b.w.t.Helper()
	found := map[string]int{}
	for _, text := range b.w.log(0, b.by, b.room) {
		found[text]++
	}
	refused, doubtful := 0, 0
	for n, told := range b.told {
		key := fmt.Sprint("call ", n)
		switch {
		case found[key] > 1:
			b.w.t.Errorf("%q stands %d times", key, found[key])
		case told == nil && found[key] == 0:
			b.w.t.Errorf("%q was acknowledged, and is not there", key)
		case told == nil:
		case told.Reason == "in_doubt":
			doubtful++
		default:
			if refused++; found[key] != 0 {
				b.w.t.Errorf("%q was refused (%v), and is there", key, told)
			}
			if told.Reason != "storage_unavailable" && told.Reason != "overloaded" {
				b.w.t.Errorf("%q was refused with %v", key, told)
			}
		}
	}
	b.w.t.Logf("%d calls: %d refused, %d in doubt", len(b.told), refused, doubtful)
}
