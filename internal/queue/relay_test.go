package queue_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/queue"
)

// begin starts a relay, which stop ends.
func begin(t *testing.T, node string, o queue.Outbox, p queue.Publisher) (r *queue.Relay, stop func()) {
	t.Helper()
	r, err := queue.NewRelay(queue.DefaultRelayConfig(), queue.RelayDeps{Node: node, Outbox: o, Publisher: p, Metrics: prometheus.NewRegistry()})
	assert.NoError(t, "relay", err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	return r, func() {
		t.Helper()
		cancel()
		assert.NoError(t, "run", <-ended)
	}
}

// pass lets virtual time go by.
func pass(d time.Duration) { <-time.After(d) }

// inOrder checks that everything was published, and first in its order.
func inOrder(t *testing.T, s *streams, heads map[chat.ConversationID]chat.Seq) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	seen := map[chat.ConversationID]chat.Seq{}
	for n, lane := range s.stored {
		for _, ev := range lane {
			id := ev.Head.Conversation
			assert.Equal(t, "lane", queue.LaneOf(id), queue.Lane(n))
			if ev.Entry.Seq > seen[id]+1 {
				t.Fatalf("conversation %d: %d was published before %d", id, ev.Entry.Seq, seen[id]+1)
			}
			seen[id] = max(seen[id], ev.Entry.Seq)
		}
	}
	assert.Equal(t, "the last of each conversation", seen, heads)
}

func TestRelayIsWoken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o, s := newOutbox(), &streams{}
		r, stop := begin(t, "a", o, s)
		synctest.Wait()
		o.mu.Lock()
		reads := o.reads
		o.mu.Unlock()
		r.Wake(o.add(1, 1))
		pass(10 * time.Millisecond) // less than a look
		assert.Equal(t, "published", s.count(), 1)
		assert.Equal(t, "not dropped yet", o.left(), 1)
		assert.Equal(t, "one read, as the batch was not full", o.reads, reads+1)
		pass(20 * time.Millisecond)
		assert.Equal(t, "left", o.left(), 0)
		r.Wake(-1, queue.Lanes) // no lanes
		stop()
		assert.Equal(t, "lanes after the end", len(o.holders()), 0)
	})
}

func TestRelayLooksByItself(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o, s := newOutbox(), &streams{}
		_, stop := begin(t, "a", o, s)
		pass(2 * time.Second)
		o.add(1, 1)
		pass(106 * time.Millisecond)
		assert.Equal(t, "published within a look", s.count(), 1)
		for n := range 20 { // while others append, the next are found sooner
			o.add(1, chat.Seq(n+2))
			pass(36 * time.Millisecond) // once what was published before is dropped
			assert.Equal(t, "published", s.count(), n+2)
		}
		pass(3 * time.Second)
		o.mu.Lock()
		o.reads = 0
		o.mu.Unlock()
		pass(10 * time.Second)
		o.mu.Lock()
		reads := o.reads
		o.mu.Unlock()
		assert.Equal(t, "an idle relay reads once a look", reads, 100)
		stop()
	})
}

// What a look finds on its way, since somebody is about to tell of it, is no reason to look more often.
func TestRelayLooksSeldomWhereItIsTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o, s := newOutbox(), &streams{}
		r, stop := begin(t, "a", o, s)
		pass(time.Second)
		o.mu.Lock()
		o.reads = 0
		o.mu.Unlock()
		const count = 200
		for n := range count {
			lane := o.add(1, chat.Seq(n+1))
			pass(5 * time.Millisecond) // looks come in between
			r.Wake(lane)
			pass(35 * time.Millisecond)
		}
		assert.Equal(t, "published", s.count(), count)
		o.mu.Lock()
		looks := o.reads - count
		o.mu.Unlock()
		assert.True(t, fmt.Sprintf("%d looks and empty reads in 8 s", looks), looks < 300)
		stop()
	})
}

// What is published goes on while it is dropped, is not published twice meanwhile, and is dropped together over all lanes.
func TestRelayDropsBehind(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o, s := newOutbox(), &streams{}
		r, stop := begin(t, "a", o, s)
		synctest.Wait()
		for n := range 10 {
			for id := chat.ConversationID(1); id <= 20; id++ {
				r.Wake(o.add(id, chat.Seq(n+1)))
			}
			pass(time.Millisecond)
		}
		pass(60 * time.Millisecond)
		assert.Equal(t, "published, each once", s.count(), 200)
		assert.Equal(t, "left", o.left(), 0)
		assert.True(t, fmt.Sprintf("dropped by %d calls", o.drops), o.drops <= 4)
		stop()
	})
}

// slowReads is an outbox whose reads show what was there when they began.
type slowReads struct{ *outbox }

func (o slowReads) Pending(ctx context.Context, lane queue.Lane, limit int) ([]queue.Pending, error) {
	found, err := o.outbox.Pending(ctx, lane, limit)
	if len(found) > 0 {
		pass(50 * time.Millisecond)
	}
	return found, err
}

// What was dropped while a read of it was under way is not published again.
func TestRelayReadsWhileItDrops(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o, s := newOutbox(), &streams{}
		r, stop := begin(t, "a", slowReads{o}, s)
		synctest.Wait()
		for n := range 10 {
			r.Wake(o.add(1, chat.Seq(n+1)))
			pass(60 * time.Millisecond) // the one before is dropped in the middle of this one's read
		}
		pass(200 * time.Millisecond)
		assert.Equal(t, "left", o.left(), 0)
		assert.Equal(t, "published, each once", s.count(), 10)
		inOrder(t, s, map[chat.ConversationID]chat.Seq{1: 10})
		stop()
	})
}

// While nothing can be dropped, a lane publishes up to a bound, and no more until it can.
func TestRelayWaitsForWhatIsNotDropped(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o, s := newOutbox(), &streams{}
		var stuck atomic.Bool
		stuck.Store(true)
		o.fail = func(call string) error {
			if call == "done" && stuck.Load() {
				return errors.New("the outbox is read-only")
			}
			return nil
		}
		const all = 12_000
		for seq := chat.Seq(1); seq <= all; seq++ {
			o.add(1, seq)
		}
		r, stop := begin(t, "a", o, s)
		pass(time.Minute)
		assert.True(t, fmt.Sprintf("%d are published", s.count()), s.count() >= 4_096 && s.count() < 6_000)
		assert.True(t, fmt.Sprintf("behind by %s", r.Behind()), r.Behind() > 50*time.Second)
		stuck.Store(false)
		pass(time.Minute)
		assert.Equal(t, "published, each once", s.count(), all)
		assert.Equal(t, "left", o.left(), 0)
		assert.Equal(t, "behind", r.Behind(), 0)
		inOrder(t, s, map[chat.ConversationID]chat.Seq{1: all})
		stop()
	})
}

func TestRelayBatches(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o, s := newOutbox(), &streams{}
		for seq := chat.Seq(1); seq <= 1_700; seq++ {
			o.add(1, seq)
		}
		_, stop := begin(t, "a", o, s)
		pass(50 * time.Millisecond)
		assert.Equal(t, "left", o.left(), 0)
		assert.Equal(t, "calls", s.calls, 4)
		inOrder(t, s, map[chat.ConversationID]chat.Seq{1: 1_700})
		stop()
	})
}

func TestRelaysShareTheLanes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o, s := newOutbox(), &streams{}
		_, stopA := begin(t, "a", o, s)
		pass(time.Second)
		assert.Equal(t, "alone", o.holders(), map[string]int{"a": 64})
		_, stopB := begin(t, "b", o, s)
		pass(10 * time.Second)
		assert.Equal(t, "two", o.holders(), map[string]int{"a": 32, "b": 32})
		stopA()
		pass(10 * time.Second)
		assert.Equal(t, "one left", o.holders(), map[string]int{"b": 64})
		stopB()
	})
}

func TestRelayWaitsForTheQueue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o, s := newOutbox(), &streams{}
		var healed atomic.Bool
		s.fail = func() fault {
			if healed.Load() {
				return fine
			}
			return refused
		}
		r, stop := begin(t, "a", o, s)
		for seq := chat.Seq(1); seq <= 10; seq++ {
			r.Wake(o.add(1, seq))
			pass(time.Second)
		}
		assert.Equal(t, "published", s.count(), 0)
		assert.True(t, fmt.Sprint("it says how far it is behind: ", r.Behind()), r.Behind() > 9*time.Second && r.Behind() <= 10*time.Second)
		healed.Store(true)
		pass(queue.DefaultRelayConfig().Backoff + 10*time.Millisecond)
		assert.Equal(t, "left", o.left(), 0)
		assert.Equal(t, "behind", r.Behind(), 0)
		inOrder(t, s, map[chat.ConversationID]chat.Seq{1: 10})
		stop()
	})
}

// TestRelayStopsWithItsLease: a node that cannot reach the outbox any more publishes nothing of lanes that others may have.
func TestRelayStopsWithItsLease(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o, s := newOutbox(), &streams{}
		var away atomic.Bool
		o.fail = func(call string) error {
			if away.Load() && call == "lease" {
				return errAway
			}
			return nil
		}
		r, stop := begin(t, "a", o, s)
		pass(time.Second)
		away.Store(true)
		pass(5 * time.Second)
		r.Wake(o.add(1, 1))
		pass(time.Second)
		assert.Equal(t, "published while it lasts", s.count(), 1)
		pass(4 * time.Second)
		r.Wake(o.add(1, 2))
		pass(time.Minute)
		assert.Equal(t, "published after it", s.count(), 1)
		assert.Equal(t, "a lane of others is not its own to be behind with", r.Behind(), 0)
		away.Store(false)
		pass(time.Second)
		assert.Equal(t, "published with a new one", s.count(), 2)
		stop()
	})
}

// TestRelayLetsGoOfALane: a lane that was given to another node is left in the middle of a publication that hangs.
func TestRelayLetsGoOfALane(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o, s := newOutbox(), &streams{}
		s.fail = func() fault { return hung }
		r, stop := begin(t, "a", o, s)
		pass(time.Second)
		r.Wake(o.add(1, 1))
		pass(time.Second)
		assert.Equal(t, "publications that hang", s.hanging.Load(), 1)
		o.mu.Lock()
		for i := range o.holder {
			o.holder[i], o.until[i] = "b", time.Now().Add(time.Hour)
		}
		o.nodes["b"] = time.Now().Add(time.Hour)
		o.mu.Unlock()
		pass(queue.DefaultRelayConfig().Lease / 4)
		assert.Equal(t, "publications that hang", s.hanging.Load(), 0)
		assert.Equal(t, "behind", r.Behind(), 0)
		stop()
		s.late.Wait()
	})
}

// TestRelaysUnderFaults: relays come and go and lose their leases, the outbox fails and the queue does everything a queue can do.
// What was committed is published, and the first time in order. The seed repeats the steps; what runs side by side is not repeated.
func TestRelaysUnderFaults(t *testing.T) {
	t.Parallel()
	for range 10 {
		seed := rand.Uint64()
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { underFaults(t, rand.New(rand.NewPCG(seed, 1))) })
		})
	}
}

func underFaults(t *testing.T, chance *rand.Rand) {
	const conversations, rounds = 40, 300
	o, s := newOutbox(), &streams{}
	var healed atomic.Bool
	o.fail = func(call string) error {
		if healed.Load() || rand.IntN(10) > 0 {
			return nil
		}
		if call == "lease" {
			pass(rand.N(15 * time.Second))
		}
		return errAway
	}
	s.fail = func() fault {
		if healed.Load() || rand.IntN(3) > 0 {
			return fine
		}
		return []fault{refused, half, lost, hung}[rand.IntN(4)]
	}
	heads := map[chat.ConversationID]chat.Seq{}
	relays, stops := map[string]*queue.Relay{}, map[string]func(){}
	for range rounds {
		switch node := fmt.Sprint(chance.IntN(3)); {
		case chance.IntN(20) == 0 && stops[node] != nil:
			stops[node]()
			delete(stops, node)
			delete(relays, node)
		case chance.IntN(10) == 0 && stops[node] == nil:
			relays[node], stops[node] = begin(t, node, o, s)
		case chance.IntN(10) == 0:
			o.steal()
		}
		for range chance.IntN(20) {
			id := chat.ConversationID(chance.IntN(conversations) + 1)
			heads[id]++
			lane := o.add(id, heads[id])
			for _, r := range relays {
				if chance.IntN(2) == 0 {
					r.Wake(lane)
				}
			}
		}
		pass(time.Duration(chance.IntN(int(time.Second))))
	}
	healed.Store(true)
	if len(stops) == 0 {
		_, stops["last"] = begin(t, "last", o, s)
	}
	pass(time.Minute)
	assert.Equal(t, "left", o.left(), 0)
	for _, stop := range stops {
		stop()
	}
	s.late.Wait()
	inOrder(t, s, heads)
}

func TestRelayConfig(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*queue.RelayConfig){
		"lease":   func(c *queue.RelayConfig) { c.Lease = 0 },
		"look":    func(c *queue.RelayConfig) { c.Look = time.Millisecond },
		"batch":   func(c *queue.RelayConfig) { c.Batch = 0 },
		"reads":   func(c *queue.RelayConfig) { c.Reads = 65 },
		"backoff": func(c *queue.RelayConfig) { c.Backoff = 0 },
	} {
		c := queue.DefaultRelayConfig()
		assert.NoError(t, "the default", c.Validate())
		spoil(&c)
		_, err := queue.NewRelay(c, queue.RelayDeps{})
		assert.True(t, name+" is refused", err != nil)
	}
}

func TestRelayMetrics(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o, s, reg := newOutbox(), &streams{}, prometheus.NewRegistry()
		s.fail = func() fault { return refused }
		r, err := queue.NewRelay(queue.DefaultRelayConfig(), queue.RelayDeps{Node: "a", Outbox: o, Publisher: s, Metrics: reg})
		assert.NoError(t, "relay", err)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- r.Run(ctx) }()
		o.add(1, 1)
		o.add(1, 2)
		pass(3 * time.Second)
		families, err := reg.Gather()
		assert.NoError(t, "gathering", err)
		assert.Equal(t, "metrics", len(families), 6)
		for _, f := range families {
			switch f.GetName() {
			case "throng_relay_pending":
				assert.Equal(t, "pending", f.GetMetric()[0].GetGauge().GetValue(), 2)
			case "throng_relay_lanes":
				assert.Equal(t, "lanes", f.GetMetric()[0].GetGauge().GetValue(), 64)
			case "throng_relay_behind_seconds":
				assert.True(t, "behind", f.GetMetric()[0].GetGauge().GetValue() > 2)
			}
		}
		cancel()
		assert.NoError(t, "run", <-ended)
	})
}
