//go:build cluster

package redis_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/cluster"
	"github.com/throng-im/throng/internal/limit"
	"github.com/throng-im/throng/internal/porttest"
	"github.com/throng-im/throng/internal/store/redis"
	"github.com/throng-im/throng/test/engines"
)

// redisCluster starts a Redis Cluster of three masters.
func redisCluster(t testing.TB) (redis.Config, []*engines.RedisServer) {
	t.Helper()
	const masters, slots = 3, 16_384
	var servers []*engines.RedisServer
	cfg := settings("", "throng")
	cfg.Addresses, cfg.Cluster = nil, true
	for i := range masters {
		s := engines.PrivateRedis(t, engines.RedisClusterNode(t))
		servers, cfg.Addresses = append(servers, s), append(cfg.Addresses, s.Address())
		one := redis.Config{Addresses: []string{s.Address()}}
		command(t, one, "CLUSTER", "ADDSLOTSRANGE", strconv.Itoa(i*slots/masters), strconv.Itoa((i+1)*slots/masters-1))
		if i > 0 {
			command(t, one, slices.Concat([]string{"CLUSTER", "MEET"}, servers[0].Meeting())...)
		}
	}
	for _, s := range servers {
		one := redis.Config{Addresses: []string{s.Address()}}
		within(t, 20*time.Second, "the cluster stands", func() bool {
			info := command(t, one, "CLUSTER", "INFO")
			return strings.Contains(info, "cluster_state:ok") && strings.Contains(info, "cluster_known_nodes:3")
		})
	}
	return cfg, servers
}

func TestOnARedisCluster(t *testing.T) {
	t.Parallel()
	cfg, servers := redisCluster(t)
	t.Run("routes", func(t *testing.T) {
		porttest.Routes(t, func(t testing.TB) porttest.ClusterRoutes {
			own := cfg
			own.Prefix = "t" + strconv.FormatInt(time.Now().UnixNano(), 36)
			m := join(t, client(t, own), "n1")
			return porttest.ClusterRoutes{Node: "n1", Routes: m, Registrar: m}
		})
	})
	t.Run("bus", func(t *testing.T) {
		porttest.Bus(t, func(t testing.TB) cluster.Bus {
			own := cfg
			own.Prefix = "t" + strconv.FormatInt(time.Now().UnixNano(), 36)
			return apart{client(t, own).NewBus(nil), client(t, own).NewBus(nil)}
		})
	})
	own := func() redis.Config {
		own := cfg
		own.Prefix = "t" + strconv.FormatInt(time.Now().UnixNano(), 36)
		return own
	}
	t.Run("timelines", func(t *testing.T) {
		porttest.Timeline(t, func(t testing.TB) porttest.TimelineStore {
			s := newShelf()
			l := openLines(t, own(), s)
			l.clear = func(testing.TB) { s.clear() }
			l.masters = servers
			return l
		})
	})
	t.Run("hot", func(t *testing.T) {
		bounds := porttest.HotBounds{Entries: 100, Bytes: 16 << 10}
		porttest.Hot(t, bounds, func(t testing.TB) porttest.HotNodes {
			cfg := own()
			cfg.HotEntries, cfg.HotBytes = bounds.Entries, bounds.Bytes
			return porttest.HotNodes{A: client(t, cfg).NewHot(), B: client(t, cfg).NewHot()}
		})
	})
	t.Run("shares", func(t *testing.T) {
		porttest.Shares(t, func(t testing.TB) limit.Shares { return client(t, own()).NewShares() })
	})
	t.Run("devices", func(t *testing.T) {
		porttest.Devices(t, func(t testing.TB) porttest.ClusterDevices { return clusterDevices(t, own()) })
	})
	t.Run("one master loses everything", func(t *testing.T) {
		m := join(t, client(t, cfg), "n1")
		other := join(t, client(t, cfg), "n2")
		for u := range 300 {
			m.Attach(user(u + 1))
		}
		assert.NoError(t, "flush", m.Flush(t.Context()))
		for _, s := range servers {
			command(t, redis.Config{Addresses: []string{s.Address()}}, "FLUSHALL")
			<-m.lost
			for u := range 300 {
				assert.Equal(t, "nodes of a user", len(other.users(t, user(u+1))), 1)
			}
		}
	})
}

// I10: a master of a Redis Cluster is lost, and its replica takes over.
func TestAMasterIsLost(t *testing.T) {
	t.Parallel()
	cfg, masters := redisCluster(t)
	replica := engines.PrivateRedis(t, engines.RedisClusterNode(t))
	at := redis.Config{Addresses: []string{replica.Address()}}
	first := command(t, redis.Config{Addresses: []string{masters[0].Address()}}, "CLUSTER", "MYID")
	command(t, at, slices.Concat([]string{"CLUSTER", "MEET"}, masters[0].Meeting())...)
	within(t, 20*time.Second, "they have met", func() bool { return strings.Contains(command(t, at, "CLUSTER", "NODES"), first) })
	within(t, 20*time.Second, "it follows", func() bool {
		return strings.Contains(try(t, at, "CLUSTER", "REPLICATE", first), "OK") || strings.Contains(command(t, at, "INFO", "replication"), "role:slave")
	})
	within(t, 20*time.Second, "it is in step", func() bool { return strings.Contains(command(t, at, "INFO", "replication"), "master_link_status:up") })

	for _, m := range masters {
		one := redis.Config{Addresses: []string{m.Address()}}
		within(t, 20*time.Second, "all know it", func() bool { return strings.Contains(command(t, one, "CLUSTER", "INFO"), "cluster_known_nodes:4") })
	}

	a, b := join(t, client(t, cfg), "a"), join(t, client(t, cfg), "b")
	l := openLines(t, cfg, newShelf())
	const users = 60
	for u := 1; u <= users; u++ {
		a.Attach(user(u))
		apply(t, l, 1, entered(user(u), 7, 1))
	}
	assert.NoError(t, "flush", a.Flush(t.Context()))
	generations := make(map[int]uint64)
	for u := 1; u <= users; u++ {
		end, err := l.End(t.Context(), user(u))
		assert.NoError(t, "end", err)
		generations[u] = end.Generation
	}
	masters[0].Kill(t)
	command(t, at, "CLUSTER", "FAILOVER", "TAKEOVER")
	took := within(t, 10*time.Second, "routes and timelines are back", func() bool {
		for u := 1; u <= users; u++ {
			nodes, err := b.Users(t.Context(), []chat.UserID{user(u)}, nil)
			rows, failed := l.Rows(t.Context(), user(u))
			if err != nil || len(nodes) != 1 || failed != nil || len(rows.Rows) != 1 {
				return false
			}
			if _, err := l.End(t.Context(), user(u)); err != nil {
				return false
			}
		}
		return true
	})
	t.Logf("as it was after %v", took)
	<-a.lost
	changed := 0
	for u := 1; u <= users; u++ {
		end, err := l.End(t.Context(), user(u))
		assert.NoError(t, "end", err)
		if end.Generation != generations[u] {
			changed++
		}
	}
	assert.True(t, "cursors of a third are of no use: "+strconv.Itoa(changed), changed > users/6 && changed < users/2+users/6)
}
