//go:build cluster

package redis_test

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/cluster"
	"github.com/throng-im/throng/internal/porttest"
	"github.com/throng-im/throng/internal/store/redis"
	"github.com/throng-im/throng/test/engines"
	"github.com/throng-im/throng/test/proxy"
)

// porch is the devices of a node, and what it was told.
type porch struct {
	*redis.Devices

	mu   sync.Mutex
	told []cluster.Replaced
}

func (p *porch) has(want cluster.Replaced) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Contains(p.told, want)
}

// all returns what it was told.
func (p *porch) all() []cluster.Replaced {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.told)
}

func newPorch(t testing.TB, cfg redis.Config, node cluster.Node) *porch {
	t.Helper()
	p := &porch{}
	p.Devices = runDevices(t, cfg, node, func(r cluster.Replaced) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.told = append(p.told, r)
	})
	return p
}

func runDevices(t testing.TB, cfg redis.Config, node cluster.Node, replaced func(cluster.Replaced)) *redis.Devices {
	t.Helper()
	d := client(t, cfg).NewDevices(node, replaced)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		assert.NoError(t, "run", <-ended)
	})
	return d
}

// noted waits until Redis knows of a node's session of a device of user 7.
func noted(t testing.TB, cfg redis.Config, device string, node cluster.Node) {
	t.Helper()
	within(t, 10*time.Second, fmt.Sprintf("device %s is on %s", device, node), func() bool {
		return strings.Contains(try(t, cfg, "HGET", cfg.Prefix+":devices:{u:7}", device), " "+string(node)+" ")
	})
}

// S-12: of sessions on several nodes the newest stays.
func TestDevices(t *testing.T) {
	t.Parallel()
	porttest.Devices(t, func(t testing.TB) porttest.ClusterDevices {
		_, cfg := shared(t)
		return clusterDevices(t, cfg)
	})
}

func clusterDevices(t testing.TB, cfg redis.Config) porttest.ClusterDevices {
	t.Helper()
	cfg.Report = time.Second
	c, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: cfg.Addresses, ForceSingleClient: !cfg.Cluster, DisableCache: true})
	assert.NoError(t, "connecting", err)
	t.Cleanup(c.Close)
	return porttest.ClusterDevices{
		Report: cfg.Report,
		Join: func(t testing.TB, node cluster.Node, replaced func(cluster.Replaced)) cluster.Devices {
			return runDevices(t, cfg, node, replaced)
		},
		Noted: func(t testing.TB, s cluster.Replaced) {
			key, field := fmt.Sprintf("%s:devices:{u:%d}", cfg.Prefix, s.User), strconv.FormatUint(uint64(s.Device), 10)
			within(t, 10*time.Second, fmt.Sprintf("%+v is noted", s), func() bool {
				row, err := c.Do(t.Context(), c.B().Hget().Key(key).Field(field).Build()).ToString()
				return err == nil && strings.HasSuffix(row, fmt.Sprintf(" %s %d", s.Node, s.Session))
			})
		},
	}
}

// Who opens a session is told whom it replaces, and need not wait until the other node looks.
func TestWhoOpensTellsTheOtherNode(t *testing.T) {
	t.Parallel()
	_, cfg := shared(t)
	a, b := newPorch(t, cfg, "a"), newPorch(t, cfg, "b")
	a.Opened(7, 1, 10)
	noted(t, cfg, "1", "a")
	b.Opened(7, 1, 5)
	within(t, 5*time.Second, "it is told", func() bool { return b.has(cluster.Replaced{Node: "a", User: 7, Device: 1, Session: 10}) })
}

// What Redis forgets, or does not take, is noted later; who opened first is replaced then too.
func TestSessionsWithoutRedis(t *testing.T) {
	t.Parallel()
	server := engines.PrivateRedis(t)
	cfg := settings(server.Address(), "throng")
	cfg.Report = time.Second
	a, b := newPorch(t, cfg, "a"), newPorch(t, cfg, "b")
	a.Opened(7, 1, 10)
	noted(t, cfg, "1", "a")
	command(t, cfg, "FLUSHALL")
	noted(t, cfg, "1", "a")

	server.Stop(t)
	b.Opened(7, 2, 5) // first
	<-time.After(50 * time.Millisecond)
	a.Opened(7, 2, 11)
	b.Opened(7, 1, 6) // newer than a's
	<-time.After(600 * time.Millisecond)
	server.Continue(t)
	within(t, 10*time.Second, "the older ones are replaced, whoever is written first", func() bool {
		return a.has(cluster.Replaced{Node: "a", User: 7, Device: 1, Session: 10}) && b.has(cluster.Replaced{Node: "b", User: 7, Device: 2, Session: 5})
	})
	for _, p := range []*porch{a, b} {
		for _, r := range p.all() {
			older := r == cluster.Replaced{Node: "a", User: 7, Device: 1, Session: 10} || r == cluster.Replaced{Node: "b", User: 7, Device: 2, Session: 5}
			assert.True(t, fmt.Sprintf("only those: %+v", r), older)
		}
	}
}

// A node whose word is long on its way does not make its session younger than one that was opened meanwhile.
func TestALateWordIsOfAnOldSession(t *testing.T) {
	t.Parallel()
	_, cfg := shared(t)
	cfg.Report, cfg.Timeout = time.Second, 5*time.Second
	way := proxy.New(t, cfg.Addresses[0])
	slow := cfg
	slow.Addresses = []string{way.Address()}
	a, b := newPorch(t, cfg, "a"), newPorch(t, slow, "b")
	for device := range 3 { // the first of them may take long: it connects
		b.Opened(7, chat.DeviceID(device+2), uint64(device+1))
		noted(t, cfg, strconv.Itoa(device+2), "b")
	}
	way.Set(proxy.Faults{Delay: 300 * time.Millisecond})
	b.Opened(7, 1, 5)
	<-time.After(100 * time.Millisecond)
	a.Opened(7, 1, 10)
	noted(t, cfg, "1", "a")
	older := cluster.Replaced{Node: "b", User: 7, Device: 1, Session: 5}
	within(t, 10*time.Second, "the older one is replaced", func() bool { return b.has(older) })
	for _, r := range append(a.all(), b.all()...) {
		assert.Equal(t, "replaced", r, older)
	}
}

// What a server notes in its future is of a clock that was set back: it keeps nobody out.
func TestSessionsOfTheFuture(t *testing.T) {
	t.Parallel()
	_, cfg := shared(t)
	a := newPorch(t, cfg, "a")
	for i, value := range []string{"9999999999999999 b 5", "nonsense", "1 b"} {
		command(t, cfg, "HSET", cfg.Prefix+":devices:{u:7}", "1", value)
		a.Opened(7, 1, uint64(10+i))
		noted(t, cfg, "1", "a")
	}
	for _, r := range a.all() {
		assert.Equal(t, "replaced", r, cluster.Replaced{Node: "b", User: 7, Device: 1, Session: 5})
	}
	left, err := strconv.ParseInt(command(t, cfg, "PTTL", cfg.Prefix+":devices:{u:7}"), 10, 64)
	assert.NoError(t, "what is left", err)
	assert.True(t, "it expires, after some reports", left > cfg.Report.Milliseconds() && left <= 20*cfg.Report.Milliseconds())
}

// What Redis has lost is written again when that is found, long before the report.
func TestSessionsThatWereLost(t *testing.T) {
	t.Parallel()
	_, cfg := shared(t)
	a := newPorch(t, cfg, "a")
	for device := range chat.DeviceID(5) {
		a.Opened(7, device+1, uint64(device+1))
		noted(t, cfg, strconv.FormatUint(uint64(device+1), 10), "a")
	}
	command(t, cfg, "DEL", cfg.Prefix+":devices:{u:7}")
	a.Again()
	for device := range 5 {
		noted(t, cfg, strconv.Itoa(device+1), "a")
	}
	assert.Equal(t, "nobody is replaced by itself", len(a.all()), 0)
}

// Somebody who is always connected and has ever new devices does not take ever more room.
func TestDevicesThatAreGoneAreForgotten(t *testing.T) {
	t.Parallel()
	_, cfg := shared(t)
	cfg.Report = time.Second
	key := cfg.Prefix + ":devices:{u:7}"
	old := []string{"HSET", key}
	for device := range 400 {
		old = append(old, strconv.Itoa(1_000+device), "1 gone 5")
	}
	command(t, cfg, old...)
	a, b := newPorch(t, cfg, "a"), newPorch(t, cfg, "b")
	a.Opened(7, 1, 10)
	b.Opened(7, 2, 11)
	within(t, 10*time.Second, "the two that are there are left", func() bool { return command(t, cfg, "HLEN", key) == "2" })
	noted(t, cfg, "1", "a")
	noted(t, cfg, "2", "b")
	assert.Equal(t, "nobody was replaced", len(a.all())+len(b.all()), 0)
}

// Many sessions at once are written a part at a time.
func TestManySessionsOpen(t *testing.T) {
	t.Parallel()
	_, cfg := shared(t)
	a, b := newPorch(t, cfg, "a"), newPorch(t, cfg, "b")
	const many = 1_700
	for n := range many {
		a.Opened(user(n+1), chat.DeviceID(n), uint64(n+1))
	}
	keys := []string{"EXISTS"}
	for n := range many {
		keys = append(keys, fmt.Sprintf("%s:devices:{u:%d}", cfg.Prefix, n+1))
	}
	within(t, 10*time.Second, "all are noted", func() bool { return command(t, cfg, keys...) == strconv.Itoa(many) })
	for n := range many {
		b.Opened(user(n+1), chat.DeviceID(n), uint64(n+1))
	}
	within(t, 10*time.Second, "all are told of", func() bool { return len(b.all()) == many })
}
