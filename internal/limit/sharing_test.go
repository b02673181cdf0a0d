package limit_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/limit"
	"github.com/throng-im/throng/internal/store/local"
)

// county is several nodes that limit together, in a time of its own.
type county struct {
	*clock
	t      testing.TB
	shares *local.Shares
	nodes  []*post
	bucket limit.Bucket
	random *rand.Rand
}

// post is one of the nodes. It claims at times of its own, never as late as is taken for an answer that does not come.
type post struct {
	*limit.Limiter[int]
	sharing *limit.Sharing
	among   int // nodes that it knows of
	cut     bool
	shares  limit.Shares
	next    time.Time
	claims  int
}

// Lease implements [limit.Shares].
func (p *post) Lease(ctx context.Context, claims []limit.Claim) error {
	p.claims += len(claims)
	if p.cut {
		return errors.New("cut off")
	}
	return p.shares.Lease(ctx, claims)
}

func newCounty(t testing.TB, seed uint64, nodes int, b limit.Bucket) *county {
	c := &county{clock: newClock(), t: t, bucket: b, random: rand.New(rand.NewPCG(seed, 1))}
	c.shares = local.NewShares(c.now)
	for range nodes {
		p := &post{Limiter: limit.New[int](b, c.now), shares: c.shares, among: nodes, next: c.now()}
		p.sharing = limit.NewSharing(p, func() int { return p.among }, c.now)
		p.Share(p.sharing, "test", strconv.Itoa)
		c.nodes = append(c.nodes, p)
	}
	return c
}

// stepTime is how long a step is.
const stepTime = 10 * time.Millisecond

// pass lets time go by, a step at a time, and calls do in each.
func (c *county) pass(d time.Duration, do func()) {
	for end := c.now().Add(d); c.now().Before(end); {
		c.add(stepTime)
		do()
		for _, p := range c.nodes {
			if c.now().Before(p.next) {
				continue
			}
			p.sharing.Round(context.Background())
			p.next = c.now().Add(time.Duration(20+c.random.IntN(50)) * time.Millisecond)
		}
	}
}

func ceil(a, b int) int { return (a + b - 1) / b }

// beyond is what nodes let through beyond the burst and the rate, as [limit.Sharing] promises.
func (c *county) beyond() float64 {
	n := len(c.nodes)
	return float64(n * (ceil(c.bucket.Burst, 4*n) + ceil(c.bucket.Burst, 2*n)))
}

// gauge measures how much more than a rate came in any time.
type gauge struct {
	rate       float64 // per second
	start      time.Time
	count      float64
	least, top float64 // of count less what the rate gives, and the most that it rose
}

func (g *gauge) came(now time.Time) {
	due := g.rate * now.Sub(g.start).Seconds()
	g.least = min(g.least, g.count-due)
	g.count++
	g.top = max(g.top, g.count-due-g.least)
}

// pulse is how somebody takes on one node: each step with a chance, for some time.
type pulse struct {
	perStep float64
	until   time.Time
}

func (p *pulse) change(r *rand.Rand, now time.Time, b limit.Bucket) {
	step := stepTime.Seconds()
	switch r.IntN(5) {
	case 0, 1:
		p.perStep = 0
	case 2:
		p.perStep = float64(1 + r.IntN(1+b.Burst/2)) // everything, at once
	case 3:
		p.perStep = 2 * r.Float64() * b.Rate * step
	default:
		p.perStep = r.Float64() * b.Rate * step / 10
	}
	p.until = now.Add(time.Duration(r.ExpFloat64() * float64(3*time.Second)))
}

// attack takes on all nodes for a while, however it can, and returns what it got beyond the rate at the most.
func (c *county) attack(d time.Duration, during func()) float64 {
	g := gauge{rate: c.bucket.Rate * (1 + 1.0/16), start: c.now()}
	pulses := make([]pulse, len(c.nodes))
	c.pass(d, func() {
		during()
		for i, p := range c.nodes {
			if !c.now().Before(pulses[i].until) {
				pulses[i].change(c.random, c.now(), c.bucket)
			}
			for n := pulses[i].perStep; n > 0; n-- {
				if c.random.Float64() < n && p.Take(1, 1) == 0 {
					g.came(c.now())
				}
			}
		}
	})
	return g.top
}

// anyCounty is a deployment of some size with some bucket, of those that settings allow.
func anyCounty(t testing.TB, seed uint64) *county {
	r := rand.New(rand.NewPCG(seed, 2))
	burst := 1 + r.IntN(1+[]int{3, 30, 1_000}[r.IntN(3)])
	fills := []float64{0.5, 5, 50, 500}[r.IntN(4)] * (0.5 + r.Float64()) // seconds
	return newCounty(t, seed, 2+r.IntN(4), limit.Bucket{Rate: float64(burst) / fills, Burst: burst, Keys: 10})
}

// worlds are the seeds of deployments that a property is looked at in.
func worlds(t testing.TB) iter.Seq[uint64] {
	n := uint64(8)
	if os.Getenv("RELIABILITY") == "nightly" {
		n = 1_000
	}
	first := uint64(time.Now().UnixNano())
	t.Logf("seeds from %d", first)
	return func(yield func(uint64) bool) {
		for i := range n {
			if !yield(first + i) {
				return
			}
		}
	}
}

// The property: whoever takes, on whatever nodes, as fast and as slow as they like, gets no more than the bucket and what is beyond it.
func TestNodesTogetherKeepTheLimit(t *testing.T) {
	t.Parallel()
	for seed := range worlds(t) {
		c := anyCounty(t, seed)
		most := float64(c.bucket.Burst) + c.beyond() + 1
		if got := c.attack(40*time.Second, func() {}); got > most {
			t.Fatalf("seed %d: %d nodes let %.1f through beyond the rate of %+v; at most %.1f", seed, len(c.nodes), got, c.bucket, most)
		}
	}
}

// With shares lost, nodes cut off, and nodes that come and go, a burst more at the most, each time.
func TestNodesTogetherInTrouble(t *testing.T) {
	t.Parallel()
	for seed := range worlds(t) {
		c := anyCounty(t, seed)
		troubles := 0.0
		got := c.attack(40*time.Second, func() {
			if c.random.IntN(1_500) != 0 {
				return
			}
			troubles++
			switch c.random.IntN(3) {
			case 0:
				c.shares = local.NewShares(c.now)
				for _, p := range c.nodes {
					p.shares = c.shares
				}
			case 1:
				cut := c.random.IntN(2) == 0
				for _, p := range c.nodes {
					p.cut = cut
				}
			default: // one is killed, with what it has, and begins again
				i := c.random.IntN(len(c.nodes))
				p := &post{Limiter: limit.New[int](c.bucket, c.now), shares: c.shares, among: len(c.nodes), next: c.now(), cut: c.nodes[i].cut}
				p.sharing = limit.NewSharing(p, func() int { return p.among }, c.now)
				p.Share(p.sharing, "test", strconv.Itoa)
				c.nodes[i] = p
			}
		})
		most := float64(c.bucket.Burst)*(1+troubles) + c.beyond() + 1
		if got > most {
			t.Fatalf("seed %d: %d nodes let %.1f through beyond the rate of %+v in %.0f troubles; at most %.1f",
				seed, len(c.nodes), got, c.bucket, troubles, most)
		}
	}
}

// Nothing is lost either: who takes as fast as they can, on one node or on all, gets the burst and the rate.
func TestNodesTogetherGiveTheLimit(t *testing.T) {
	t.Parallel()
	for _, on := range []int{1, 3} {
		for _, b := range []limit.Bucket{
			{Rate: 50, Burst: 500, Keys: 10}, {Rate: 2_000, Burst: 20_000, Keys: 10}, {Rate: 50, Burst: 15, Keys: 10}, {Rate: 1.0 / 6, Burst: 10, Keys: 10},
		} {
			t.Run(fmt.Sprintf("%d of 3 nodes, %g a second", on, b.Rate), func(t *testing.T) {
				t.Parallel()
				c := newCounty(t, 1, 3, b)
				got := 0
				d := max(20*time.Second, 2*time.Duration(float64(b.Burst)/b.Rate*float64(time.Second)))
				c.pass(d, func() {
					for _, p := range c.nodes[:on] {
						for p.Take(1, 1) == 0 {
							got++
						}
					}
				})
				all := float64(b.Burst) + b.Rate*d.Seconds()
				assert.True(t, fmt.Sprintf("%d of %.0f", got, all), float64(got) > 0.88*all && float64(got) <= all+c.beyond())
			})
		}
	}
}

// Who empties the bucket on one node and then comes to others again and again, with pauses, gets what a node gives before it has an answer
// once, and not each time.
func TestHoppingPaysOnce(t *testing.T) {
	t.Parallel()
	c := newCounty(t, 1, 3, limit.Bucket{Rate: 0.1, Burst: 600, Keys: 10})
	got := 0
	for turn := range 9 {
		c.pass(2*time.Second, func() {
			for c.nodes[turn%3].Take(1, 1) == 0 {
				got++
			}
		})
		c.pass(3*time.Second, func() {})
	}
	assert.True(t, fmt.Sprintf("%d of 600, and 50 on each other node", got), got >= 600 && got <= 600+2*50+10)
}

// A burst is let through at once on one node, faster than anybody sends: what is leased goes before it.
func TestABurstOnOneNode(t *testing.T) {
	t.Parallel()
	c := newCounty(t, 1, 3, limit.Bucket{Rate: 50, Burst: 500, Keys: 10})
	taken, refused := 0, 0
	c.pass(time.Second, func() { // 400 in a second
		for range 4 {
			if c.nodes[0].Take(1, 1) == 0 {
				taken++
			} else {
				refused++
			}
		}
	})
	assert.Equal(t, "taken", taken, 400)
	assert.Equal(t, "refused", refused, 0)
}

// Who waits as long as told finds room, on the node that said so.
func TestNodesTogetherTellTheWait(t *testing.T) {
	t.Parallel()
	for _, b := range []limit.Bucket{{Rate: 1.0 / 6, Burst: 10, Keys: 10}, {Rate: 50, Burst: 500, Keys: 10}} {
		c := newCounty(t, 3, 3, b)
		c.pass(2*time.Second, func() {
			for c.nodes[0].Take(1, 1) == 0 {
			}
		})
		c.pass(3*time.Second, func() {})
		for c.nodes[0].Take(1, 1) == 0 {
		}
		early, turns := 0, 20
		for range turns {
			wait := c.nodes[0].Take(1, 1)
			assert.True(t, fmt.Sprintf("a wait of %s", wait), wait > 0 && wait <= 7*time.Second)
			c.pass(wait, func() {})
			if c.nodes[0].Take(1, 1) != 0 {
				early++
			}
			for c.nodes[0].Take(1, 1) == 0 {
			}
		}
		assert.True(t, fmt.Sprintf("%d of %d were told too early a time", early, turns), early <= turns/4)
	}
}

// Only who uses more than a little of a bucket costs anything together.
func TestLittleUseClaimsNothing(t *testing.T) {
	t.Parallel()
	c := newCounty(t, 1, 3, limit.Bucket{Rate: 50, Burst: 500, Keys: 1_000})
	step := 0
	c.pass(30*time.Second, func() {
		step++
		for _, p := range c.nodes {
			if step%100 == 0 { // one a second
				for key := range 100 {
					assert.Equal(t, "wait", p.Take(key, 1), 0)
				}
			}
		}
	})
	for _, p := range c.nodes {
		assert.Equal(t, "claims", p.claims, 0)
		assert.Equal(t, "hot", p.sharing.State().Hot, 0)
	}
	// Who uses a fifth of the rate claims every few seconds.
	c.pass(60*time.Second, func() {
		if step++; step%10 == 0 {
			assert.Equal(t, "wait", c.nodes[0].Take(0, 1), 0)
		}
	})
	assert.True(t, fmt.Sprintf("%d claims for 600 takes", c.nodes[0].claims), c.nodes[0].claims > 5 && c.nodes[0].claims < 60)
	assert.Equal(t, "hot", c.nodes[0].sharing.State().Hot, 1)
	c.pass(5*time.Second, func() {})
	assert.Equal(t, "hot after some quiet", c.nodes[0].sharing.State().Hot, 0)
}

// What one node leased and does not use, others have soon; a node that stops gives it back at once.
func TestLeasesAreGivenBack(t *testing.T) {
	t.Parallel()
	b := limit.Bucket{Rate: 0.01, Burst: 400, Keys: 10}
	left := func(c *county) int {
		probe := []limit.Claim{{Limit: "test", Key: "1", Every: 100 * time.Second, Burst: 400, Parts: 1}}
		assert.NoError(t, "lease", c.shares.Lease(t.Context(), probe))
		return probe[0].Left
	}
	c := newCounty(t, 1, 2, b)
	took := 0
	c.pass(500*time.Millisecond, func() {
		for range 4 {
			if c.nodes[0].Take(1, 1) == 0 {
				took++
			}
		}
	})
	assert.True(t, "some are leased", left(c) < 400-took)
	c.pass(4*time.Second, func() {})
	assert.Equal(t, "left after some quiet", left(c), 400-took)

	c.pass(300*time.Millisecond, func() {
		if c.nodes[1].Take(1, 1) == 0 {
			took++
		}
	})
	c.pass(100*time.Millisecond, func() {})
	assert.True(t, "some are leased", left(c) < 400-took)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	assert.NoError(t, "run", c.nodes[1].sharing.Run(ctx))
	assert.Equal(t, "left by a node that stopped", left(c), 400-took)
}

// Without shares each node has its part: all together the limit, and they say so.
func TestPartsWithoutShares(t *testing.T) {
	t.Parallel()
	b := limit.Bucket{Rate: 50, Burst: 500, Keys: 10}
	c := newCounty(t, 1, 3, b)
	for _, p := range c.nodes {
		p.cut = true
	}
	got := make([]int, 3)
	c.pass(20*time.Second, func() {
		for i, p := range c.nodes {
			for p.Take(1, 1) == 0 {
				got[i]++
			}
		}
	})
	for i, n := range got { // a third of 500 + 20 s · 50/s
		assert.True(t, fmt.Sprintf("%d of 500", n), n >= 495 && n <= 501)
		state := c.nodes[i].sharing.State()
		assert.True(t, fmt.Sprintf("it says so: %+v", state), state.Away && state.Parted > 0 && state.Nodes == 3)
	}
	for _, p := range c.nodes {
		p.cut = false
	}
	c.pass(time.Second, func() {
		for _, p := range c.nodes {
			p.Take(1, 1)
		}
	})
	assert.True(t, "shares are back", !c.nodes[0].sharing.State().Away)
}

// Nodes that are cut off have their parts of what was left, and not of a full bucket.
func TestPartsOfWhatWasLeft(t *testing.T) {
	t.Parallel()
	c := newCounty(t, 1, 3, limit.Bucket{Rate: 0.1, Burst: 600, Keys: 10})
	got := 0
	take := func(most ...int) {
		for i, p := range c.nodes {
			begin := got
			c.pass(time.Second, func() {
				for got-begin < most[i] && p.Take(1, 1) == 0 {
					got++
				}
			})
		}
	}
	take(450, 30, 30)
	assert.Equal(t, "taken", got, 510)
	for _, p := range c.nodes {
		p.cut = true
	}
	c.pass(5*time.Second, func() {})
	take(600, 600, 600)
	take(600, 600, 600)
	assert.True(t, fmt.Sprintf("%d of 600", got), got > 510 && got <= 640)
}

// A node that is alone asks nobody, and when another comes what was used counts.
func TestAloneThenTwo(t *testing.T) {
	t.Parallel()
	c := newCounty(t, 1, 2, limit.Bucket{Rate: 0.1, Burst: 300, Keys: 10})
	c.nodes[0].among = 1
	c.pass(2*time.Second, func() {})
	got := 0
	c.pass(time.Second, func() {
		for c.nodes[0].Take(1, 1) == 0 {
			got++
		}
	})
	assert.Equal(t, "the whole burst", got, 300)
	assert.Equal(t, "claims", c.nodes[0].claims, 0)
	c.nodes[0].among = 2
	c.pass(2*time.Second, func() { c.nodes[0].Take(1, 1) })
	got = 0
	c.pass(5*time.Second, func() {
		for _, p := range c.nodes {
			for p.Take(1, 1) == 0 {
				got++
			}
		}
	})
	assert.True(t, fmt.Sprintf("%d more for two", got), got <= ceil(300, 8)+1)
}

// Give puts back what was taken, leased or not, and not more.
func TestGiveToShares(t *testing.T) {
	t.Parallel()
	c := newCounty(t, 1, 3, limit.Bucket{Rate: 0.001, Burst: 30, Keys: 10})
	for range 200 {
		c.pass(20*time.Millisecond, func() {})
		if c.nodes[0].Take(1, 1) == 0 {
			c.nodes[0].Give(1, 1)
		}
	}
	got := 0
	c.pass(10*time.Second, func() {
		for c.nodes[0].Take(1, 1) == 0 {
			got++
		}
	})
	assert.True(t, fmt.Sprintf("%d of 30", got), got >= 27 && float64(got) <= 30+c.beyond())
}

// Keys beyond those that are told apart share the node's part of one bucket, and shares do not keep them in.
func TestSharesMakeRoom(t *testing.T) {
	t.Parallel()
	c := newCounty(t, 1, 2, limit.Bucket{Rate: 10, Burst: 40, Keys: 20})
	key := 0
	c.pass(20*time.Second, func() {
		key += 2
		for range 10 {
			c.nodes[0].Take(key/4, 1)
		}
	})
	assert.True(t, "keys held", c.nodes[0].Len() <= 20)
	assert.True(t, "keys with a share", c.nodes[0].sharing.State().Hot <= 20)
	c.pass(10*time.Second, func() {})
	assert.Equal(t, "keys with a share after some quiet", c.nodes[0].sharing.State().Hot, 0)
}

// A limit that is off stays off.
func TestSharesOfNoLimit(t *testing.T) {
	t.Parallel()
	c := newCounty(t, 1, 3, limit.Bucket{})
	c.pass(time.Second, func() { assert.Equal(t, "wait", c.nodes[0].Take(1, 1), 0) })
	assert.Equal(t, "claims", c.nodes[0].claims, 0)
	a := limit.NewAddresses(limit.Bucket{Rate: 1, Burst: 2, Keys: 10}, c.now)
	a.Share(c.nodes[0].sharing, "address")
	c.nodes[0].shares = local.NewShares(c.now)
	assert.Equal(t, "the first of an address", a.Take("[2001:db8::1]:80", 1), 0)
	c.pass(time.Second, func() {})
	assert.True(t, "addresses claim", c.nodes[0].claims > 0)
}

func BenchmarkSharedTake(b *testing.B) {
	for _, name := range []string{"leased", "little used", "refused"} {
		b.Run(name, func(b *testing.B) {
			bucket := limit.Bucket{Rate: 1e6, Burst: 1e7, Keys: 100_000}
			if name == "refused" {
				bucket = limit.Bucket{Rate: 0.01, Burst: 10, Keys: 100_000}
			}
			l := limit.New[int](bucket, nil)
			s := limit.NewSharing(local.NewShares(nil), func() int { return 3 }, nil)
			l.Share(s, "test", strconv.Itoa)
			keys := map[string]int{"leased": 8, "little used": 100_000, "refused": 100}[name]
			for range 3 {
				for key := range keys {
					if name != "little used" {
						for range bucket.Burst/24 + 1 {
							l.Take(key, 1)
						}
					}
				}
				for s.Round(b.Context()) {
				}
			}
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				l.Take(i%keys, 1)
				i++
			}
		})
	}
}
