package local_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/cluster"
	"github.com/throng-im/throng/internal/limit"
	"github.com/throng-im/throng/internal/porttest"
	"github.com/throng-im/throng/internal/presence"
	"github.com/throng-im/throng/internal/store/local"
)

func TestRoutes(t *testing.T) {
	t.Parallel()
	porttest.Routes(t, func(testing.TB) porttest.ClusterRoutes {
		r := local.NewRoutes("n1")
		return porttest.ClusterRoutes{Node: "n1", Routes: r, Registrar: r}
	})
}

func TestBus(t *testing.T) {
	t.Parallel()
	porttest.Bus(t, func(testing.TB) cluster.Bus { return local.NewBus() })
}

func TestRegistry(t *testing.T) {
	t.Parallel()
	porttest.Registry(t, func(testing.TB) porttest.ClusterRegistry {
		return porttest.ClusterRegistry{Node: "n1", Registry: local.NewRegistry()}
	})
}

func TestPresence(t *testing.T) {
	t.Parallel()
	porttest.Presence(t, func(testing.TB) porttest.Presences {
		p := local.NewPresence()
		return porttest.Presences{
			Join: func(_ testing.TB, node string) presence.Store { return p.Join(node) }, Leave: func(_ testing.TB, node string) { p.Leave(node) },
		}
	})
}

func TestShares(t *testing.T) {
	t.Parallel()
	porttest.Shares(t, func(testing.TB) limit.Shares { return local.NewShares(nil) })
}

// What nobody limits takes no room.
func TestSharesForget(t *testing.T) {
	t.Parallel()
	now := time.Now()
	s := local.NewShares(func() time.Time { return now })
	claim := func(key int) {
		c := limit.Claim{Limit: "l", Key: strconv.Itoa(key), Every: time.Second, Burst: 10, Spent: 1, Parts: 1}
		assert.NoError(t, "lease", s.Lease(t.Context(), []limit.Claim{c}))
	}
	for key := range 1_000 {
		claim(key)
	}
	assert.Equal(t, "buckets", s.Len(), 1_000)
	now = now.Add(2 * time.Minute)
	claim(1)
	assert.Equal(t, "buckets later", s.Len(), 1)
}
