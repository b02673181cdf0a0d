//go:build cluster

package redis_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/limit"
	"github.com/throng-im/throng/internal/porttest"
	"github.com/throng-im/throng/internal/store/redis"
	"github.com/throng-im/throng/test/engines"
)

func TestShares(t *testing.T) {
	t.Parallel()
	porttest.Shares(t, func(t testing.TB) limit.Shares {
		c, _ := shared(t)
		return c.NewShares()
	})
}

// A bucket is by the server's clock, and takes no room once it is full.
func TestABucketExpires(t *testing.T) {
	t.Parallel()
	c, cfg := shared(t)
	claim := func(every time.Duration) limit.Claim {
		claims := []limit.Claim{{Limit: "l", Key: every.String(), Every: every, Burst: 100, Spent: 50, Parts: 1}}
		assert.NoError(t, "lease", c.NewShares().Lease(t.Context(), claims))
		return claims[0]
	}
	claim(time.Hour)
	claim(time.Millisecond)
	key := cfg.Prefix + ":limit:{l:"
	left, err := strconv.Atoi(command(t, cfg, "PTTL", key+"1h0m0s}"))
	assert.NoError(t, "its time", err)
	assert.True(t, fmt.Sprintf("it stays for %d ms", left), left > 49*3_600_000 && left <= 50*3_600_000)
	within(t, 5*time.Second, "the other is gone", func() bool { return command(t, cfg, "EXISTS", key+"1ms}") == "0" })

	// A clock that was set back, and a value that is none, keep nobody out for longer than what is owed at most.
	for _, bad := range []string{"99999999999999999", "nonsense"} {
		command(t, cfg, "SET", key+"1h0m0s}", bad)
		assert.True(t, bad, claim(time.Hour).Wait <= 101*time.Hour)
	}
}

// office is one node that limits with others, on a clock of its own: it is ahead by an hour for each node before it, and goes at a pace
// of its own. What it tells is waits, and what it is told is too.
type office struct {
	*limit.Limiter[int]
	sharing *limit.Sharing
	stop    context.CancelFunc
	done    chan struct{}
	got     atomic.Int64
}

func offices(t testing.TB, cfg redis.Config, n int, b limit.Bucket) []*office {
	t.Helper()
	list := make([]*office, n)
	for i := range list {
		begin := time.Now()
		now := func() time.Time {
			return begin.Add(time.Duration(i) * time.Hour).Add(time.Since(begin) * time.Duration(100+i) / 100)
		}
		o := &office{
			Limiter: limit.New[int](b, now), sharing: limit.NewSharing(client(t, cfg).NewShares(), func() int { return n }, now), done: make(chan struct{}),
		}
		o.Share(o.sharing, "send", strconv.Itoa)
		ctx, cancel := context.WithCancel(context.Background())
		o.stop = cancel
		go func() {
			defer close(o.done)
			assert.NoError(t, "run", o.sharing.Run(ctx))
		}()
		t.Cleanup(func() { cancel(); <-o.done })
		list[i] = o
	}
	return list
}

// hammer takes on all nodes as fast as somebody does who does not wait, and returns what got through within the time.
func hammer(list []*office, d time.Duration) int {
	var wg sync.WaitGroup
	sum := 0
	for _, o := range list {
		wg.Go(func() {
			for end := time.Now().Add(d); time.Now().Before(end); <-time.After(200 * time.Microsecond) {
				for o.Take(1, 1) == 0 {
					o.got.Add(1)
				}
			}
		})
	}
	wg.Wait()
	for _, o := range list {
		sum += int(o.got.Swap(0))
	}
	return sum
}

// beyond is what n nodes let through beyond burst and rate at the most ([limit.Sharing]), with what clocks that go wrong by a hundredth
// add, and a moment at the end.
func beyond(n int, b limit.Bucket, took time.Duration) int {
	return n*((b.Burst+4*n-1)/(4*n)+(b.Burst+2*n-1)/(2*n)) + int(b.Rate*took.Seconds()/16+b.Rate*0.1) + 1
}

// Three nodes let one user through as one would.
func TestNodesShareALimit(t *testing.T) {
	t.Parallel()
	_, cfg := shared(t)
	b := limit.Bucket{Rate: 200, Burst: 120, Keys: 100}
	list := offices(t, cfg, 3, b)
	began := time.Now()
	got := hammer(list, 1500*time.Millisecond)
	took := time.Since(began)
	all := b.Burst + int(b.Rate*took.Seconds())
	assert.True(t, fmt.Sprintf("%d of %d", got, all), got > all*7/10 && got <= all+beyond(3, b, took))
	// On one of them, alone, what the others had leased is soon there.
	began = time.Now()
	got = hammer(list[:1], 1500*time.Millisecond)
	took = time.Since(began)
	assert.True(t, fmt.Sprintf("%d on one in %s", got, took), got > int(b.Rate*took.Seconds())*7/10 && got <= int(b.Rate*took.Seconds())+b.Burst+beyond(3, b, took))
}

// A node that is killed keeps what it had leased, and the others have the rate all the same.
func TestANodeDiesWithItsShare(t *testing.T) {
	t.Parallel()
	_, cfg := shared(t)
	b := limit.Bucket{Rate: 200, Burst: 120, Keys: 100}
	dying := limit.New[int](b, nil)
	sharing := limit.NewSharing(client(t, cfg).NewShares(), func() int { return 3 }, nil)
	dying.Share(sharing, "send", strconv.Itoa)
	for range 10 {
		dying.Take(1, 1)
	}
	sharing.Round(t.Context()) // it has leased, and is not heard of any more
	list := offices(t, cfg, 2, b)
	began := time.Now()
	got := hammer(list, time.Second)
	took := time.Since(began)
	all := b.Burst + int(b.Rate*took.Seconds())
	assert.True(t, fmt.Sprintf("%d of %d", got, all), got > all*6/10 && got <= all+beyond(3, b, took))
}

// While Redis hangs or is gone nodes go on with their parts, no take waits, and afterwards they share again. What Redis forgets is a
// burst more.
func TestSharesInCalamities(t *testing.T) {
	t.Parallel()
	server := engines.PrivateRedis(t)
	cfg := settings(server.Address(), "throng")
	b := limit.Bucket{Rate: 100, Burst: 90, Keys: 100}
	list := offices(t, cfg, 3, b)
	hammer(list, 500*time.Millisecond)

	command(t, cfg, "FLUSHALL")
	began := time.Now()
	got := hammer(list, 500*time.Millisecond)
	took := time.Since(began)
	all := b.Burst + int(b.Rate*took.Seconds())
	assert.True(t, fmt.Sprintf("%d of %d after everything was forgotten", got, all), got <= all+beyond(3, b, took))

	server.Stop(t)
	longest := time.Duration(0)
	for end := time.Now().Add(700 * time.Millisecond); time.Now().Before(end); <-time.After(time.Millisecond) {
		for _, o := range list {
			before := time.Now()
			o.Take(1, 1)
			longest = max(longest, time.Since(before))
		}
	}
	assert.True(t, fmt.Sprintf("a take took %s", longest), longest < 200*time.Millisecond)
	began = time.Now()
	got = hammer(list, 700*time.Millisecond)
	took = time.Since(began)
	all = int(b.Rate * took.Seconds())
	assert.True(t, fmt.Sprintf("%d of %d by their parts", got, all), got > all*6/10 && got <= all+b.Burst+1)
	for _, o := range list {
		state := o.sharing.State()
		assert.True(t, fmt.Sprintf("it says so: %+v", state), state.Away && state.Parted > 0)
	}

	server.Continue(t)
	within(t, 10*time.Second, "they share again", func() bool {
		hammer(list, 20*time.Millisecond)
		return !list[0].sharing.State().Away && !list[1].sharing.State().Away && !list[2].sharing.State().Away
	})
	began = time.Now()
	got = hammer(list, time.Second)
	took = time.Since(began)
	all = b.Burst + int(b.Rate*took.Seconds())
	assert.True(t, fmt.Sprintf("%d of %d afterwards", got, all), got <= all+beyond(3, b, took))
}

// BenchmarkLease claims for so many subjects at once, as nodes do for those who use much of their limits.
func BenchmarkLease(b *testing.B) {
	c, _ := shared(b)
	s := c.NewShares()
	claims := make([]limit.Claim, 512)
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		for i := range claims {
			claims[i] = limit.Claim{Limit: "send", Key: strconv.Itoa(rand.IntN(10_000)), Every: 20 * time.Millisecond, Burst: 500, Want: 10, Parts: 6}
		}
		assert.NoError(b, "lease", s.Lease(b.Context(), claims))
		n += len(claims)
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "claims/s")
}

// BenchmarkHotSubjects has 10,000 users write on three nodes, at a part of their rate, and counts what that costs Redis.
func BenchmarkHotSubjects(b *testing.B) {
	for _, part := range []float64{0.02, 0.2, 0.8, 1.2} {
		b.Run(fmt.Sprintf("%g of the rate", part), func(b *testing.B) {
			_, cfg := shared(b)
			bucket := limit.Bucket{Rate: 50, Burst: 500, Keys: 100_000}
			list := offices(b, cfg, 3, bucket)
			const users = 10_000
			run := func(d time.Duration) (taken, refused int) {
				began := time.Now()
				for due := 0.0; time.Since(began) < d; <-time.After(time.Millisecond) {
					for due = max(due, float64(taken+refused)); due < time.Since(began).Seconds()*users*bucket.Rate*part; due++ {
						o := list[rand.IntN(len(list))]
						if o.Take(rand.IntN(users), 1) == 0 {
							taken++
						} else {
							refused++
						}
					}
				}
				return taken, refused
			}
			claims := func() (n uint64) {
				for _, o := range list {
					n += o.sharing.State().Claims
				}
				return n
			}
			for b.Loop() {
				run(15 * time.Second) // until bursts are used up, where they are
				before := claims()
				taken, refused := run(5 * time.Second)
				b.ReportMetric(float64(claims()-before)/5, "claims/s")
				b.ReportMetric(float64(taken)/5, "taken/s")
				b.ReportMetric(float64(refused)/5, "refused/s")
			}
		})
	}
}
