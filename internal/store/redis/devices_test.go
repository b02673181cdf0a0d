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

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/cluster"
	"github.com/throng-im/throng/internal/store/redis"
	"github.com/throng-im/throng/test/engines"
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
	p.Devices = client(t, cfg).NewDevices(node, func(r cluster.Replaced) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.told = append(p.told, r)
	})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		assert.NoError(t, "run", <-ended)
	})
	return p
}

// noted waits until Redis knows of a node's session of a device of user 7.
func noted(t testing.TB, cfg redis.Config, device string, node cluster.Node) {
	t.Helper()
	within(t, 10*time.Second, fmt.Sprintf("device %s is on %s", device, node), func() bool {
		return strings.Contains(try(t, cfg, "HGET", cfg.Prefix+":devices:{u:7}", device), " "+string(node)+" ")
	})
}

// S-12: of sessions on two nodes the newest stays; the node of the other one is told, or finds out as it reports.
func TestTheNewestSessionStays(t *testing.T) {
	t.Parallel()
	_, cfg := shared(t)
	cfg.Report = time.Second
	a, b := newPorch(t, cfg, "a"), newPorch(t, cfg, "b")
	a.Opened(7, 1, 10)
	a.Opened(7, 2, 11)
	noted(t, cfg, "1", "a")
	noted(t, cfg, "2", "a")
	b.Opened(7, 1, 5)
	was := cluster.Replaced{Node: "a", User: 7, Device: 1, Session: 10}
	within(t, 5*time.Second, "who opens is to tell the other node", func() bool { return b.has(was) })
	within(t, 5*time.Second, "the other node finds out by itself", func() bool { return a.has(was) })
	a.Closed(7, 1, 10)
	// Whoever was first and is left alone stays, and so does the newest, through everybody's reports.
	<-time.After(1300 * time.Millisecond)
	for _, p := range []*porch{a, b} {
		for _, r := range p.all() {
			assert.Equal(t, "replaced", r, was)
		}
	}
	// It comes back to where it was.
	a.Opened(7, 1, 12)
	within(t, 5*time.Second, "b finds out", func() bool { return b.has(cluster.Replaced{Node: "b", User: 7, Device: 1, Session: 5}) })
	// One node tells in any order, and of one that is closed no more.
	b.Opened(7, 3, 8)
	b.Opened(7, 3, 7)
	b.Closed(7, 3, 7)
	noted(t, cfg, "3", "b")
	a.Opened(7, 3, 13)
	within(t, 5*time.Second, "the later one of b", func() bool { return b.has(cluster.Replaced{Node: "b", User: 7, Device: 3, Session: 8}) })
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
	left := command(t, cfg, "PTTL", cfg.Prefix+":devices:{u:7}")
	assert.True(t, "it expires: "+left, len(left) == 6) // ten minutes, in ms
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
