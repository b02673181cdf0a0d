//go:build cluster

package redis_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/cluster"
	"github.com/throng-im/throng/internal/store/redis"
	"github.com/throng-im/throng/test/engines"
)

// recovers is within what everything is as it was, after Redis answers again.
const recovers = 10 * time.Second

// wipes is how often each calamity comes.
func wipes(few, nightly int) int {
	if os.Getenv("RELIABILITY") == "nightly" {
		return nightly
	}
	return few
}

// site is one node with all that it has on Redis.
type site struct {
	*member
	bus   *redis.Bus
	lines *lines
	got   atomic.Uint64 // the newest number that was delivered to it
	look  atomic.Uint64 // how often it was told to look for what it missed, by the bus
}

// Receive implements [cluster.Receiver].
func (s *site) Receive(_ context.Context, d *cluster.Delivery) error {
	s.got.Store(max(s.got.Load(), uint64(d.From)))
	return nil
}

// town is a deployment of three nodes, each of which has a third of the users.
type town struct {
	t     *testing.T
	sites []*site
	log   *logOf
	// longest is how long a call of the writers took at most, in nanoseconds: a worker is not held for longer.
	longest atomic.Int64
	next    atomic.Uint64
}

const townUsers = 900

func newTown(t *testing.T, cfg redis.Config) *town {
	t.Helper()
	w := &town{t: t, log: &logOf{}}
	shelf := newShelf()
	for i := range 3 {
		c := client(t, cfg)
		s := &site{member: join(t, c, cluster.Node(fmt.Sprintf("n%d", i))), lines: openLines(t, cfg, shelf)}
		s.bus = c.NewBus(func() { s.look.Add(1) })
		t.Cleanup(s.bus.Listen(s.name, s))
		w.sites = append(w.sites, s)
	}
	for u := range townUsers {
		w.sites[u%3].Attach(user(u + 1))
	}
	for _, s := range w.sites {
		s.AttachGroup(7)
		assert.NoError(t, "flush", s.Flush(t.Context()))
	}
	return w
}

// timed notes how long a call took.
func (w *town) timed(call func() error) error {
	began := time.Now()
	err := call()
	took := time.Since(began).Nanoseconds()
	for was := w.longest.Load(); took > was && !w.longest.CompareAndSwap(was, took); was = w.longest.Load() {
	}
	return err
}

// tell sends a number to the nodes of some users, as a fan-out does. What fails is dropped: digests find it.
func (w *town) tell(from *site, rng *rand.Rand) {
	users := []chat.UserID{user(rng.IntN(townUsers) + 1), user(rng.IntN(townUsers) + 1)}
	var nodes []cluster.Node
	if w.timed(func() (err error) { nodes, err = from.Users(context.Background(), users, nil); return err }) != nil {
		return
	}
	d := &cluster.Delivery{Kind: cluster.DeliverEnter, Users: users, From: chat.Seq(w.next.Add(1))}
	for _, n := range nodes {
		_ = w.timed(func() error { return from.bus.Deliver(context.Background(), n, d) })
	}
}

// whole reports that each node finds all users and the group, and reaches each other node.
func (w *town) whole() bool {
	ctx := context.Background()
	all := []cluster.Node{"n0", "n1", "n2"}
	for _, s := range w.sites {
		if nodes, err := s.Group(ctx, 7, nil); err != nil || len(nodes) != 3 {
			return false
		}
		for _, to := range w.sites {
			d := &cluster.Delivery{Kind: cluster.DeliverEnter, From: chat.Seq(w.next.Add(1))}
			if s.bus.Deliver(ctx, to.name, d) != nil {
				return false
			}
			for late := time.Now().Add(time.Second); to.got.Load() < uint64(d.From); {
				if time.Now().After(late) {
					return false
				}
				<-time.After(time.Millisecond)
			}
		}
		if _, err := s.lines.End(ctx, 1); err != nil {
			return false
		}
	}
	var missing atomic.Bool
	var looking sync.WaitGroup
	for _, s := range w.sites {
		for part := range 10 {
			looking.Go(func() {
				for u := part; u < townUsers && !missing.Load(); u += 10 {
					nodes, err := s.Users(ctx, []chat.UserID{user(u + 1)}, nil)
					if err != nil || !slices.Equal(nodes, all[u%3:u%3+1]) {
						missing.Store(true)
					}
				}
			})
		}
	}
	looking.Wait()
	return !missing.Load()
}

// disaster is what T11 does to Redis.
type disaster struct {
	name          string
	few, nightly  int
	looks, writes bool // nodes are told to look by the bus; what was written is lost, and nodes are told so
	happens       func(t testing.TB, cfg redis.Config, server *engines.RedisServer)
}

func disasters() []disaster {
	return []disaster{
		{"FLUSHALL", 5, 200, false, true, func(t testing.TB, cfg redis.Config, _ *engines.RedisServer) { command(t, cfg, "FLUSHALL") }},
		{"a kill and a restart, empty", 3, 100, true, true, func(t testing.TB, _ redis.Config, server *engines.RedisServer) {
			server.Kill(t)
			<-time.After(300 * time.Millisecond)
			server.Restart(t)
		}},
		{"DEBUG SLEEP 10", 1, 10, false, true, func(t testing.TB, cfg redis.Config, _ *engines.RedisServer) { pause(t, cfg, 10) }},
		{"a pause of a second", 3, 50, false, false, func(t testing.TB, cfg redis.Config, _ *engines.RedisServer) { pause(t, cfg, 1) }},
		{"eviction of whatever there is", 1, 20, false, false, evict},
	}
}

// pause has the server do nothing.
func pause(t testing.TB, cfg redis.Config, seconds int) {
	t.Helper()
	command(t, cfg, "DEBUG", "SLEEP", fmt.Sprint(seconds))
}

// evict fills a small memory for a while, with keys of somebody else.
func evict(t testing.TB, cfg redis.Config, _ *engines.RedisServer) {
	t.Helper()
	command(t, cfg, "CONFIG", "SET", "maxmemory-policy", "allkeys-random")
	command(t, cfg, "CONFIG", "SET", "maxmemory", "6mb")
	for i := range 30 {
		command(t, cfg, "EVAL", `for i = 1, 300 do redis.call('SET', 'filler:' .. ARGV[1] .. ':' .. i, string.rep('x', 500)) end return 1`, "0", fmt.Sprint(i))
		<-time.After(30 * time.Millisecond)
	}
	evicted := command(t, cfg, "INFO", "stats")
	assert.True(t, "something was evicted", !slices.Contains([]string{"", "0"}, field(evicted, "evicted_keys:")))
	command(t, cfg, "CONFIG", "SET", "maxmemory", "0")
}

// T11, I10: writers go on through whatever happens to Redis. Nobody is held for longer than a deadline, and everything is as it was within
// ten seconds after Redis answers again: routes, deliveries, timelines.
func TestCalamities(t *testing.T) {
	t.Parallel()
	for _, d := range disasters() {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			server := engines.PrivateRedis(t)
			cfg := settings(server.Address(), "throng")
			cfg.Report = 3 * time.Second
			w := newTown(t, cfg)
			assert.True(t, "whole at first", w.whole())
			seed := uint64(time.Now().UnixNano())
			stop := make(chan struct{})
			var writers sync.WaitGroup
			for i, s := range w.sites {
				rng := rand.New(rand.NewPCG(seed, uint64(i)))
				writers.Go(func() {
					for {
						select {
						case <-stop:
							return
						case <-time.After(time.Duration(rng.IntN(10)) * time.Millisecond):
							w.tell(s, rng)
						}
					}
				})
				if i < 2 {
					writers.Go(func() {
						follow(t, s.lines, i, w.log, rand.New(rand.NewPCG(seed, uint64(i)+10)), stop)
					})
				}
			}
			worst := time.Duration(0)
			for range wipes(d.few, d.nightly) {
				looks := w.sites[0].look.Load()
				d.happens(t, cfg, server)
				began := time.Now()
				if d.writes {
					for _, s := range w.sites {
						select {
						case <-s.lost:
						case <-time.After(recovers):
							t.Fatalf("%s was not told that it lost something", s.name)
						}
					}
				}
				within(t, recovers-time.Since(began), "everything is as it was", w.whole)
				worst = max(worst, time.Since(began))
				if d.looks {
					within(t, recovers, "the bus tells that it was away", func() bool { return w.sites[0].look.Load() > looks })
				}
			}
			close(stop)
			writers.Wait()
			p := &phone{user: 1, heads: make(map[chat.ConversationID]uint64)}
			within(t, recovers, "a sync", func() bool { return p.sync(context.Background(), w.sites[2].lines, w.log) == nil })
			p.check(t, w.log, seed)
			longest := time.Duration(w.longest.Load())
			t.Logf("as it was after %v at most; the longest call took %v", worst.Round(time.Millisecond), longest.Round(time.Millisecond))
			assert.True(t, "nobody was held for longer than "+longest.String(), longest < 3*time.Second)
		})
	}
}
