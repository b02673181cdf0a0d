package redis_test

import (
	"strings"
	"testing"
	"time"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/store/redis"
)

func TestConfig(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		change func(c *redis.Config)
		says   string // nothing where it is valid
	}{
		{"the defaults, with an address", func(*redis.Config) {}, ""},
		{"no address", func(c *redis.Config) { c.Addresses = nil }, "addresses"},
		{"an address without a port", func(c *redis.Config) { c.Addresses = []string{"redis"} }, "host:port"},
		{"several servers that are no cluster", func(c *redis.Config) { c.Addresses = []string{"a:1", "b:1"} }, "cluster"},
		{"several servers", func(c *redis.Config) { c.Addresses, c.Cluster = []string{"a:1", "[::1]:1"}, true }, ""},
		{"an authority without TLS", func(c *redis.Config) { c.CAFile = "ca.pem" }, "ca_file"},
		{"no prefix", func(c *redis.Config) { c.Prefix = "" }, "prefix"},
		{"a prefix with a hash tag", func(c *redis.Config) { c.Prefix = "a{b}" }, "prefix"},
		{"a lease that others see the end of too late", func(c *redis.Config) { c.Lease = 10 * time.Second }, "lease"},
		{"a lease that is not renewed in time", func(c *redis.Config) { c.Renew = 5 * time.Second }, "renew"},
		{"a timeout that holds workers", func(c *redis.Config) { c.Timeout = time.Minute }, "timeout"},
		{"no breaker", func(c *redis.Config) { c.BreakerFailures = 0 }, "breaker"},
		{"a hot cache of a few entries", func(c *redis.Config) { c.HotEntries = 10 }, "hot_entries"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			cfg := redis.DefaultConfig()
			cfg.Addresses = []string{"127.0.0.1:6379"}
			c.change(&cfg)
			err := cfg.Validate()
			if c.says == "" {
				assert.NoError(t, "valid", err)
				return
			}
			assert.True(t, "it says what is wrong", err != nil && strings.Contains(err.Error(), c.says))
			_, err = redis.Open(cfg)
			assert.True(t, "nothing is opened", err != nil)
		})
	}
}
