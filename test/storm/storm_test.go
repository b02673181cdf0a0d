//go:build linux

package storm_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/throng-im/throng/bench/storm"
	"github.com/throng-im/throng/bench/target"
	"github.com/throng-im/throng/test/process"
)

var builder process.Builder

func TestMain(m *testing.M) {
	code := m.Run()
	if err := builder.Remove(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// bring runs a storm, smaller than the one of a benchmark but at night, and fails for whatever it is judged by. Health checks are held to
// 200 ms at the 99th percentile: on a machine that does other things besides, the slowest one says more about those. So does a peak of a few
// seconds, which by day is not what goodput is held to.
func bring(t *testing.T, cfg storm.Config) storm.Storm {
	t.Helper()
	binary, err := builder.Binary(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	cfg.Target = target.Options{Binary: binary}
	nightly := os.Getenv("RELIABILITY") == "nightly"
	if nightly {
		cfg.Clients, cfg.Pulls, cfg.Duration = 0, 0, 0
	}
	rep, err := storm.Run(t.Context(), cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	s := rep.Storms[0]
	t.Logf("%s: %d health checks, p99 %.1f ms, max %.1f ms; load average before %.1f", rep.Title(), s.Health.Checks, s.Health.P99, s.Health.Max, rep.Average)
	for _, p := range s.Problems {
		if strings.HasPrefix(p, "a health check took") || !nightly && strings.Contains(p, "were taken in the storm") {
			continue
		}
		t.Error(p)
	}
	if s.Health.P99 > 200 {
		t.Errorf("health checks took %.0f ms at the 99th percentile", s.Health.P99)
	}
	return s
}

// T19, I22: the server is killed under everybody and started again. All are back within 30 s, nobody needs more than 8 tries, health checks
// are answered meanwhile, and nothing is missed.
func TestReconnect(t *testing.T) {
	s := bring(t, storm.Config{Kind: storm.Reconnect, Clients: 2_000})
	t.Logf("back after %.1f s, %d tries at most of one client", s.BackS, s.MostTries)
}

// T19, second part: clients that come back at once, again and again, are let in at the rate of the admission, and health checks pass by them.
func TestReconnectOfBadClients(t *testing.T) {
	s := bring(t, storm.Config{Kind: storm.Reconnect, Clients: 2_000, Bad: true})
	t.Logf("back after %.1f s, with %d tries", s.BackS, s.Attempts)
}

// T20, I23: five times as many sends as the server takes leave it at 80% of its peak, and what is refused leaves nothing behind.
func TestSend(t *testing.T) {
	s := bring(t, storm.Config{Kind: storm.Send, Clients: 300, Duration: 4 * time.Second})
	t.Logf("%.0f/s taken in the storm, %.0f/s before it", s.Goodput, s.Peak)
	if s.Goodput < s.Peak/2 {
		t.Errorf("the storm left %.0f/s of %.0f/s", s.Goodput, s.Peak)
	}
}

// T20: many messages at once reach everybody of a group.
func TestPush(t *testing.T) {
	s := bring(t, storm.Config{Kind: storm.Push, Clients: 2_000})
	t.Logf("%d deliveries", s.Deliveries)
}

// T20, I22: many pulls of one page cost the store a handful of reads.
func TestPull(t *testing.T) {
	bring(t, storm.Config{Kind: storm.Pull, Clients: 2_000, Pulls: 20_000})
}
