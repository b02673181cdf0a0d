package app //nolint:testpackage // the process has one collector: what is set is looked at from within

import (
	"log/slog"
	"math"
	"runtime"
	"runtime/metrics"
	"testing"

	"github.com/throng-im/throng/internal/config"
)

func TestGarbageHasABound(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		live uint64
		want int
	}{
		{0, 150}, {27 << 20, 150}, {300 << 20, 150}, {512 << 20, 100}, {1 << 30, 50}, {8 << 30, 50},
	} {
		if got := percentOf(tt.live); got != tt.want {
			t.Errorf("percentOf(%d) = %d, want %d", tt.live, got, tt.want)
		}
	}
}

func TestMemoryGoesBackAtRest(t *testing.T) {
	t.Parallel()
	const mib = 1 << 20
	for name, tt := range map[string]struct {
		heap heap
		want bool
	}{
		"after a storm":              {heap{live: 30 * mib, lately: 7 * mib, since: 300 * mib, free: 40 * mib}, true},
		"a busy server":              {heap{live: 30 * mib, lately: 16 * mib, since: 300 * mib, free: 40 * mib}, false},
		"nothing was allocated anew": {heap{live: 30 * mib, lately: mib, since: 29 * mib, free: 40 * mib}, false},
		"little is free":             {heap{live: 30 * mib, lately: mib, since: 300 * mib, free: 7 * mib}, false},
		"a small heap":               {heap{live: 8 * mib, lately: 0, since: 8 * mib, free: 7 * mib}, false},
		"a large heap":               {heap{live: 1024 * mib, lately: 200 * mib, since: 1024 * mib, free: 500 * mib}, true},
	} {
		if got := tt.heap.rests(); got != tt.want {
			t.Errorf("%s: %v, want %v", name, got, tt.want)
		}
	}
}

// What is free goes back by the first step in which nothing was allocated. It is not parallel: it looks at the memory of the process.
func TestAStepGivesMemoryBack(t *testing.T) { //nolint:paralleltest // see above
	c := NewCollector(&config.Sizes{Limit: math.MaxInt64}, slog.New(slog.DiscardHandler))
	c.Close() // the steps are the test's
	back := func() uint64 {
		s := []metrics.Sample{{Name: "/memory/classes/heap/released:bytes"}}
		metrics.Read(s)
		return s[0].Value.Uint64()
	}
	const garbage = 64 << 20
	for range garbage >> 20 {
		storm = append(storm, make([]byte, 1<<20))
	}
	storm = nil
	runtime.GC() // what is alive is known by the last collection
	before := back()
	c.step()
	if n := back() - before; n > garbage/2 {
		t.Errorf("a busy server gave %d bytes back", n)
	}
	c.step()
	if n := back() - before; n < garbage/2 {
		t.Errorf("%d bytes went back, of %d that were free", n, garbage)
	}
}

var storm [][]byte // keeps what is allocated on the heap
