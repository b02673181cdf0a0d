//go:build cluster

package redis_test

import (
	"context"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/cluster"
	"github.com/throng-im/throng/internal/porttest"
	"github.com/throng-im/throng/internal/presence"
	"github.com/throng-im/throng/internal/store/redis"
	"github.com/throng-im/throng/test/engines"
)

// The contract of presence, with nodes that have leases, and keys that get lost.
func TestPresence(t *testing.T) {
	t.Parallel()
	porttest.Presence(t, func(t testing.TB) porttest.Presences {
		k := engines.Redis(t)
		cfg := settings(k.Address, k.Prefix)
		cfg.Lease = 2 * time.Second
		stops := map[string]func(){}
		return porttest.Presences{
			Lease: 10 * time.Second,
			Join: func(t testing.TB, node string) presence.Store {
				t.Helper()
				c := client(t, cfg)
				routes := c.NewRoutes(cluster.Node(node), nil)
				ctx, cancel := context.WithCancel(t.Context())
				done := make(chan error, 1)
				go func() { done <- routes.Run(ctx) }()
				stops[node] = func() { cancel(); assert.NoError(t, "run", <-done) }
				t.Cleanup(func() { cancel() })
				routes.Attach(1)
				assert.NoError(t, "joining", routes.Flush(t.Context()))
				return c.NewPresence(routes)
			},
			Leave: func(_ testing.TB, node string) {
				stop := stops[node]
				stop()
			},
			Lose: func(t testing.TB) {
				t.Helper()
				raw, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{k.Address}, DisableCache: true})
				assert.NoError(t, "connecting", err)
				defer raw.Close()
				assert.NoError(t, "deleting", raw.Do(t.Context(), raw.B().Del().Key(cfg.Prefix+":presence:{u:7}").Build()).Error())
			},
		}
	})
}

var _ presence.Store = (*redis.Presence)(nil)
