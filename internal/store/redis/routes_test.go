//go:build cluster

package redis_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/cluster"
	"github.com/throng-im/throng/internal/porttest"
	"github.com/throng-im/throng/internal/store/redis"
	"github.com/throng-im/throng/test/engines"
)

// member is a node with its routes.
type member struct {
	*redis.Routes
	name cluster.Node
	lost chan struct{} // a token for each loss
	stop func()        // the node ends in good order
}

func join(t testing.TB, c *redis.Client, name cluster.Node) *member {
	t.Helper()
	m := &member{name: name, lost: make(chan struct{}, 100)}
	m.Routes = c.NewRoutes(name, func() { m.lost <- struct{}{} })
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := m.Run(ctx); err != nil {
			t.Errorf("routes: %v", err)
		}
	})
	m.stop = sync.OnceFunc(func() { cancel(); running.Wait() })
	t.Cleanup(m.stop)
	return m
}

// within waits until something holds.
func within(t testing.TB, limit time.Duration, what string, holds func() bool) time.Duration {
	t.Helper()
	began := time.Now()
	for !holds() {
		if time.Since(began) > limit {
			t.Fatalf("after %v still not: %s", limit, what)
		}
		<-time.After(5 * time.Millisecond)
	}
	return time.Since(began)
}

func user(n int) chat.UserID { return chat.UserID(n) }

func (m *member) users(t testing.TB, users ...chat.UserID) []cluster.Node {
	t.Helper()
	nodes, err := m.Users(context.Background(), users, nil)
	assert.NoError(t, "users", err)
	slices.Sort(nodes)
	return nodes
}

func TestRoutes(t *testing.T) {
	t.Parallel()
	porttest.Routes(t, func(t testing.TB) porttest.ClusterRoutes {
		c, _ := shared(t)
		m := join(t, c, "n1")
		return porttest.ClusterRoutes{Node: "n1", Routes: m, Registrar: m}
	})
}

func TestRoutesAcrossNodes(t *testing.T) {
	t.Parallel()
	c, cfg := shared(t)
	a, b := join(t, c, "a"), join(t, client(t, cfg), "b")
	for i := range 300 {
		u := chat.UserID(i + 1)
		if i%2 == 0 {
			a.Attach(u)
		}
		if i%3 == 0 {
			b.Attach(u)
		}
	}
	assert.NoError(t, "flush", a.Flush(t.Context()))
	assert.NoError(t, "flush", b.Flush(t.Context()))
	for i := range 300 {
		var want []cluster.Node
		if i%2 == 0 {
			want = append(want, "a")
		}
		if i%3 == 0 {
			want = append(want, "b")
		}
		assert.True(t, fmt.Sprintf("user %d", i+1), slices.Equal(a.users(t, chat.UserID(i+1)), want) && slices.Equal(b.users(t, chat.UserID(i+1)), want))
	}
	b.Detach(4)
	assert.NoError(t, "flush", b.Flush(t.Context()))
	assert.Equal(t, "nodes after a detach", len(a.users(t, 4)), 0)
	// A node that is new to the others is found with its first user, and one that has gone at once after it said so.
	n := join(t, c, "c")
	n.Attach(1_000)
	assert.NoError(t, "flush", n.Flush(t.Context()))
	assert.True(t, "a new node", slices.Equal(b.users(t, 1_000), []cluster.Node{"c"}))
	n.stop()
	within(t, 2*time.Second, "it is forgotten", func() bool { return len(b.users(t, 1_000)) == 0 })
}

func TestRegistry(t *testing.T) {
	t.Parallel()
	porttest.Registry(t, func(t testing.TB) porttest.ClusterRegistry {
		c, cfg := shared(t)
		return porttest.ClusterRegistry{
			Node: "n1", Registry: join(t, c, "n1"),
			Join: func(t testing.TB, node cluster.Node) (cluster.Registry, func()) {
				own := client(t, cfg)
				return join(t, own, node), own.Close // without a connection it cannot say farewell
			},
		}
	})
}

func TestRegistryAndRoutes(t *testing.T) {
	t.Parallel()
	c, _ := shared(t)
	a, b := join(t, c, "a"), join(t, c, "b")
	names := func(m *member) (out []string) {
		all, err := m.Nodes(t.Context())
		assert.NoError(t, "nodes", err)
		for _, i := range all {
			out = append(out, string(i.Node)+" "+i.Zone)
		}
		return out
	}
	assert.True(t, "a node always knows itself", slices.Contains(names(a), "a "))
	b.Announce(cluster.Info{Zone: "east", Weight: 3, Started: time.Unix(1, 0).UTC()})
	assert.True(t, "REG-2 at once", slices.Contains(names(b), "b east"))
	within(t, 2*time.Second, "REG-1 the other shows it", func() bool { return slices.Equal(names(a), []string{"a ", "b east"}) })
	all, err := a.Nodes(t.Context())
	assert.NoError(t, "nodes", err)
	assert.Equal(t, "all of it", all[1], cluster.Info{Node: "b", Zone: "east", Weight: 3, Started: time.Unix(1, 0).UTC()})
	b.stop()
	within(t, 2*time.Second, "a node that left is gone", func() bool { return slices.Equal(names(a), []string{"a "}) })
	nodes, err := a.All(t.Context(), []cluster.Node{"before"})
	assert.NoError(t, "all", err)
	assert.True(t, "all nodes", slices.Equal(nodes, []cluster.Node{"before", "a"}))
}

// A node that is killed is gone with its lease.
func TestALeaseRunsOut(t *testing.T) {
	t.Parallel()
	k := engines.Redis(t)
	cfg := settings(k.Address, k.Prefix)
	cfg.Lease = 2 * time.Second
	dead := client(t, cfg)
	a, b := join(t, client(t, cfg), "a"), join(t, dead, "b")
	b.Attach(7)
	assert.NoError(t, "flush", b.Flush(t.Context()))
	assert.Equal(t, "nodes", len(a.users(t, 7)), 1)
	dead.Close() // it cannot renew, nor say farewell
	took := within(t, 4*time.Second, "the route leads nowhere", func() bool { return len(a.users(t, 7)) == 0 })
	assert.True(t, "not before its end: "+took.String(), took > time.Second)
}

// A lease that ran out is noticed also where the renewal that began the next one had no answer: here another one renews in the node's name.
func TestALeaseRanOutUnseen(t *testing.T) {
	t.Parallel()
	k := engines.Redis(t)
	cfg := settings(k.Address, k.Prefix)
	cfg.Lease, cfg.Renew = 2*time.Second, time.Second
	a := join(t, client(t, cfg), "a")
	a.Attach(1)
	assert.NoError(t, "flush", a.Flush(t.Context()))
	command(t, cfg, "ZREM", cfg.Prefix+":{nodes}:live", "a")
	again := join(t, client(t, cfg), "a")
	select {
	case <-a.lost:
	case <-time.After(20 * time.Second):
		t.Error("it does not know that it may have missed something")
	}
	assert.Equal(t, "losses that the other one saw, whose lease it is", len(again.lost), 0)
}

// I10: after FLUSHALL all routes are back, and the node is told that it may have missed something.
func TestRoutesAfterFlushall(t *testing.T) {
	t.Parallel()
	server := engines.PrivateRedis(t)
	cfg := settings(server.Address(), "throng")
	a, b := join(t, client(t, cfg), "a"), join(t, client(t, cfg), "b")
	const users = 20_000
	for u := chat.UserID(1); u <= users; u++ {
		a.Attach(u)
	}
	a.AttachGroup(5)
	assert.NoError(t, "flush", a.Flush(t.Context()))
	for range 3 {
		command(t, cfg, "FLUSHALL")
		within(t, 5*time.Second, "routes are back", func() bool {
			group, err := b.Group(t.Context(), 5, nil)
			return err == nil && len(group) == 1 && len(b.users(t, 1)) == 1 && len(b.users(t, users)) == 1
		})
		<-a.lost
		<-b.lost
	}
}

// A server that restarts empty, or a replica that was promoted, has another replication id.
func TestRoutesAfterARestart(t *testing.T) {
	t.Parallel()
	server := engines.PrivateRedis(t)
	cfg := settings(server.Address(), "throng")
	a, b := join(t, client(t, cfg), "a"), join(t, client(t, cfg), "b")
	a.Attach(1)
	assert.NoError(t, "flush", a.Flush(t.Context()))
	server.Kill(t)
	began := time.Now()
	assert.True(t, "a flush while it is down", a.flushNew(2) != nil)
	_, err := b.Users(t.Context(), []chat.UserID{1}, nil)
	assert.True(t, "a lookup while it is down", chat.AsError(err).Code == chat.CodeUnavailable)
	nodes, err := a.Users(t.Context(), []chat.UserID{1}, nil)
	assert.True(t, "what is here is known", err != nil && slices.Equal(nodes, []cluster.Node{"a"}))
	assert.True(t, "nobody waits long", time.Since(began) < 3*time.Second)
	server.Restart(t)
	within(t, 5*time.Second, "routes are back", func() bool {
		nodes, err := b.Users(t.Context(), []chat.UserID{1, 2}, nil)
		return err == nil && len(nodes) == 1
	})
	<-a.lost
}

func (m *member) flushNew(u chat.UserID) error {
	m.Attach(u)
	return m.Flush(context.Background())
}

// Routes that Redis evicts are written again within a report.
func TestRoutesThatAreEvicted(t *testing.T) {
	t.Parallel()
	k := engines.Redis(t)
	cfg := settings(k.Address, k.Prefix)
	cfg.Report = time.Second
	a := join(t, client(t, cfg), "a")
	b := join(t, client(t, cfg), "b")
	for u := chat.UserID(1); u <= 500; u++ {
		a.Attach(u)
	}
	assert.NoError(t, "flush", a.Flush(t.Context()))
	command(t, cfg, "DEL", k.Prefix+":route:{u:17}", k.Prefix+":route:{u:400}")
	assert.Equal(t, "nodes", len(b.users(t, 17)), 0)
	within(t, 3*time.Second, "they are back", func() bool { return len(b.users(t, 17)) == 1 && len(b.users(t, 400)) == 1 })
}
