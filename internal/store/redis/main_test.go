//go:build cluster

package redis_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/redis/rueidis"
	"go.uber.org/goleak"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/store/redis"
	"github.com/throng-im/throng/test/engines"
)

func TestMain(m *testing.M) {
	ours := goleak.IgnoreCurrent() // of those who watch over the engines
	code := engines.Main(m)
	// The driver keeps connections of servers that left a cluster for five seconds.
	retiring := goleak.IgnoreAnyFunction("github.com/redis/rueidis.(*clusterClient)._refresh.func2")
	if err := goleak.Find(ours, retiring); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// settings are those of tests: what takes seconds takes a part of one.
func settings(address, prefix string) redis.Config {
	cfg := redis.DefaultConfig()
	cfg.Addresses, cfg.Prefix = []string{address}, prefix
	cfg.Renew = 200 * time.Millisecond
	cfg.BreakerRest = 200 * time.Millisecond
	return cfg
}

func client(t testing.TB, cfg redis.Config) *redis.Client {
	t.Helper()
	c, err := redis.Open(cfg)
	assert.NoError(t, "opening", err)
	t.Cleanup(c.Close)
	return c
}

// shared returns a client of the server that tests share, with a prefix of its own.
func shared(t testing.TB) (*redis.Client, redis.Config) {
	t.Helper()
	k := engines.Redis(t)
	cfg := settings(k.Address, k.Prefix)
	return client(t, cfg), cfg
}

// command runs a command on the server, past everything of ours.
func command(t testing.TB, cfg redis.Config, words ...string) string {
	t.Helper()
	answer, err := ask(t, cfg, words...)
	assert.NoError(t, words[0], err)
	return answer
}

// try runs a command that the server may refuse, and returns what it says.
func try(t testing.TB, cfg redis.Config, words ...string) string {
	t.Helper()
	answer, err := ask(t, cfg, words...)
	if err != nil {
		return err.Error()
	}
	return answer
}

func ask(t testing.TB, cfg redis.Config, words ...string) (string, error) {
	t.Helper()
	c, err := rueidis.NewClient(rueidis.ClientOption{
		InitAddress: cfg.Addresses, ForceSingleClient: true, DisableCache: true, ConnWriteTimeout: 20 * time.Second,
	})
	assert.NoError(t, "connecting", err)
	defer c.Close()
	answer, err := c.Do(t.Context(), c.B().Arbitrary(words...).Build()).ToAny()
	return fmt.Sprint(answer), err
}

// field is a value of what INFO says.
func field(info, name string) string {
	for line := range strings.Lines(info) {
		if value, ok := strings.CutPrefix(line, name); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
