//go:build cluster

package redis_test

import (
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/cluster"
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
		s := engines.PrivateRedis(t, engines.RedisArgs("--cluster-enabled", "yes"))
		servers, cfg.Addresses = append(servers, s), append(cfg.Addresses, s.Address())
		one := redis.Config{Addresses: []string{s.Address()}}
		command(t, one, "CLUSTER", "ADDSLOTSRANGE", strconv.Itoa(i*slots/masters), strconv.Itoa((i+1)*slots/masters-1))
		host, port, err := net.SplitHostPort(servers[0].Address())
		assert.NoError(t, "address", err)
		if i > 0 {
			command(t, one, "CLUSTER", "MEET", host, port)
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
