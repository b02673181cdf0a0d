//go:build cluster

package cluster_test

import (
	"context"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"time"
)

// TestNodeKills is T10: of three nodes one is killed (SIGKILL) every few seconds under 200 sends a second and started again. Nothing that was
// acknowledged is lost, repeated or out of order (I1 to I4), the others serve meanwhile, and everybody who was on the killed node is
// served again within 30 s (I9).
func TestNodeKills(t *testing.T) {
	t.Parallel()
	kills, apart := 10, 3*time.Second
	if os.Getenv("RELIABILITY") == "nightly" {
		kills, apart = 240, 5*time.Second
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 10))
	servers := processes(t, 3, shared(t))
	c := gather(&world{t: t, nodes: nodesOf(servers)}, 24, 20, rng)
	ctx, cancel := context.WithCancel(t.Context())
	var talking sync.WaitGroup
	talking.Go(func() { c.talk(ctx, 200, rand.New(rand.NewPCG(seed, 11))) })
	for n := range kills {
		pause(ctx, apart)
		s := servers[n%3]
		if err := s.Kill(); err != nil {
			t.Fatal(err)
		}
		pause(ctx, time.Duration(rng.IntN(1_000))*time.Millisecond)
		if _, err := s.Start(ctx); err != nil {
			t.Fatal(err)
		}
	}
	cancel()
	talking.Wait()
	c.settle(patience)
	t.Logf("%d kills; %d acknowledged, %d of them as repeats; the slowest acknowledgement took %s",
		kills, c.acked.Load(), c.repeats.Load(), c.slowest().Round(time.Millisecond))
	if c.acked.Load() < int64(kills)*200 {
		t.Error("too little happened")
	}
	if slowest := c.slowest(); slowest > 30*time.Second {
		t.Errorf("somebody was not served for %s", slowest)
	}
}

// pause lets time pass: how long things stay as they are is part of the test.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
