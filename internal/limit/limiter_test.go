package limit_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/limit"
)

type clock struct {
	mu sync.Mutex
	t  time.Time
}

func newClock() *clock { return &clock{t: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

func TestBurstThenRate(t *testing.T) {
	t.Parallel()
	c := newClock()
	l := limit.New[string](limit.Bucket{Rate: 2, Burst: 3, Keys: 10}, c.now)
	for i := range 3 {
		if wait := l.Take("a", 1); wait != 0 {
			t.Fatalf("take %d of the burst waits %v", i, wait)
		}
	}
	if wait := l.Take("a", 1); wait != 500*time.Millisecond {
		t.Fatalf("the fourth waits %v, not half a second", wait)
	}
	if wait := l.Take("b", 1); wait != 0 {
		t.Fatalf("another key waits %v", wait)
	}
	c.add(499 * time.Millisecond)
	if wait := l.Take("a", 1); wait != time.Millisecond {
		t.Fatalf("a millisecond early, it waits %v", wait)
	}
	c.add(time.Millisecond)
	if wait := l.Take("a", 1); wait != 0 {
		t.Fatalf("after the wait it was told to wait %v more", wait)
	}
	c.add(time.Hour)
	if l.Take("a", 3) != 0 || l.Take("a", 1) == 0 {
		t.Fatal("an hour of quiet gives the burst and no more")
	}
}

func TestRefusedTakesNothing(t *testing.T) {
	t.Parallel()
	c := newClock()
	l := limit.New[int](limit.Bucket{Rate: 1, Burst: 2, Keys: 1}, c.now)
	l.Take(1, 2)
	for range 100 {
		if wait := l.Take(1, 1); wait != time.Second {
			t.Fatalf("asking again moved the wait to %v", wait)
		}
	}
}

func TestGive(t *testing.T) {
	t.Parallel()
	l := limit.New[int](limit.Bucket{Rate: 1, Burst: 1, Keys: 1}, newClock().now)
	for range 10 {
		if wait := l.Take(1, 1); wait != 0 {
			t.Fatalf("wait %v although every token came back", wait)
		}
		l.Give(1, 1)
	}
}

func TestLimitedKeyIsNeverForgotten(t *testing.T) {
	t.Parallel()
	c := newClock()
	const keys = 100
	l := limit.New[int](limit.Bucket{Rate: 1, Burst: 5, Keys: keys}, c.now)
	l.Take(0, 5)
	for i := 1; i < 10_000; i++ {
		l.Take(i, 1)
		if l.Len() > keys {
			t.Fatalf("%d keys held, %d allowed", l.Len(), keys)
		}
	}
	if wait := l.Take(0, 1); wait != time.Second {
		t.Fatalf("a flood of other keys changed the wait of a limited one to %v", wait)
	}
	// Newcomers share one bucket, which the flood has emptied.
	if wait := l.Take(-1, 1); wait == 0 {
		t.Fatal("a newcomer got a bucket of its own though none was free")
	}
	c.add(10 * time.Second)
	if wait := l.Take(-1, 1); wait != 0 {
		t.Fatalf("when the others are full again a newcomer waits %v", wait)
	}
}

func TestClockSetBack(t *testing.T) {
	t.Parallel()
	c := newClock()
	l := limit.New[int](limit.Bucket{Rate: 1, Burst: 4, Keys: 8}, c.now)
	c.add(24 * time.Hour)
	l.Take(1, 4)
	c.add(-24 * time.Hour)
	if wait := l.Take(1, 1); wait > 4*time.Second {
		t.Fatalf("a clock set back by a day locks out for %v", wait)
	}
}

// TestModel compares with the plain definition of a token bucket over random takes.
func TestModel(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	c := newClock()
	l := limit.New[int](limit.Bucket{Rate: 10, Burst: 7, Keys: 4}, c.now)
	tokens := map[int]time.Duration{} // tokens as time, at a tenth of a second each
	const every, depth = 100 * time.Millisecond, 700 * time.Millisecond
	for i := range 4 {
		tokens[i] = depth
	}
	for step := range 20_000 {
		d := time.Duration(r.IntN(150)) * time.Millisecond
		c.add(d)
		for k := range tokens {
			tokens[k] = min(depth, tokens[k]+d)
		}
		k, n := r.IntN(4), 1+r.IntN(7)
		want := max(0, time.Duration(n)*every-tokens[k])
		if got := l.Take(k, n); got != want {
			t.Fatalf("step %d: take(%d, %d) = %v, the model says %v (seed %d)", step, k, n, got, want, seed)
		}
		if want == 0 {
			tokens[k] -= time.Duration(n) * every
		}
	}
}

func TestConcurrentTakesNeverExceed(t *testing.T) {
	t.Parallel()
	l := limit.New[string](limit.Bucket{Rate: 0.001, Burst: 100, Keys: 4}, newClock().now)
	var wg sync.WaitGroup
	var mu sync.Mutex
	got := 0
	for range 8 {
		wg.Go(func() {
			for range 100 {
				if l.Take("k", 1) == 0 {
					mu.Lock()
					got++
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	if got != 100 {
		t.Fatalf("%d of a burst of 100 got through", got)
	}
}

func TestAddressKey(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ in, want string }{
		{"192.0.2.7", "192.0.2.7"},
		{"192.0.2.7:443", "192.0.2.7"},
		{"::ffff:192.0.2.7", "192.0.2.7"},
		{"2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"},
		{"[2001:db8:1:2::9]:80", "2001:db8:1:2::/64"},
		{"fe80::1%eth0", "fe80::/64"},
		{"pipe", "pipe"},
		{"", ""},
	} {
		if got := limit.AddressKey(c.in); got != c.want {
			t.Errorf("%q is limited as %q, not %q", c.in, got, c.want)
		}
	}
	a := limit.NewAddresses(limit.Bucket{Rate: 1, Burst: 1, Keys: 4}, newClock().now)
	if a.Take("2001:db8::1", 1) != 0 || a.Take("2001:db8::2", 1) == 0 {
		t.Fatal("two addresses of one /64 have one bucket")
	}
}

func TestError(t *testing.T) {
	t.Parallel()
	var e *chat.Error
	if !errors.As(error(limit.Error(1500*time.Millisecond)), &e) || e.Code != chat.CodeRateLimited || e.RetryAfter != 1500*time.Millisecond {
		t.Fatalf("got %v", e)
	}
}

func TestConfig(t *testing.T) {
	t.Parallel()
	if err := limit.Default().Validate(); err != nil {
		t.Fatal(err)
	}
	for _, b := range []limit.Bucket{
		{Rate: -1, Burst: 1, Keys: 1},
		{Rate: 1, Burst: 0, Keys: 1},
		{Rate: 1, Burst: 1, Keys: 0},
		{Rate: 1e9, Burst: 1, Keys: 1},
		{Rate: 1e-5, Burst: 1e7, Keys: 1},
	} {
		c := limit.Default()
		c.SendUser = b
		if c.Validate() == nil {
			t.Errorf("%+v was accepted", b)
		}
	}
	off := limit.New[int](limit.Bucket{}, nil)
	if off.Take(1, 1_000_000) != 0 {
		t.Error("rate 0 is no limit")
	}
}

func BenchmarkTake(b *testing.B) {
	l := limit.New[string](limit.Bucket{Rate: 1e6, Burst: 1e6, Keys: 100_000}, nil)
	keys := make([]string, 100_000)
	for i := range keys {
		keys[i] = fmt.Sprint(i)
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		l.Take(keys[i%len(keys)], 1)
		i++
	}
}
