package cluster_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/throng-im/throng/client"
	"github.com/throng-im/throng/test/history"
)

// crowd is people who write to one another while things break, and what they saw. Its history is judged at the end.
type crowd struct {
	w       *world
	users   []client.UserID
	rooms   map[client.ConversationID][]int // members, as indexes of users
	devices []*device
	history history.Log
	sending func(key string, node int) // is told of each send; nil where nobody wants to know

	// atomic
	acked, repeats, drawn atomic.Int64

	// guarded by mu
	mu    sync.Mutex
	waits []wait
}

// wait is how long a send waited for its acknowledgement.
type wait struct {
	begun time.Time
	took  time.Duration
}

// gather makes people on devices at all nodes, each in a few groups.
func gather(w *world, people, groups int, rng *rand.Rand) *crowd {
	w.t.Helper()
	c := &crowd{w: w, users: w.people(people), rooms: make(map[client.ConversationID][]int)}
	for g := range groups {
		members := rng.Perm(people)[:2+rng.IntN(6)]
		ids := make([]client.UserID, len(members))
		for i, m := range members {
			ids[i] = c.users[m]
		}
		room := w.group(g, ids...)
		c.rooms[room] = members
		// What makes the group is its first entry, which has no text.
		c.history.Invoke(history.Op{Kind: history.Append, Conversation: uint64(room)}).OK(func(o *history.Op) { o.Seq = 1 })
	}
	for i, u := range c.users {
		c.devices = append(c.devices, w.join(i, u))
	}
	return c
}

// talk has everybody write, together so many messages a second, until ctx ends; then it waits until all are acknowledged.
func (c *crowd) talk(ctx context.Context, perSecond int, rng *rand.Rand) {
	c.w.t.Helper()
	rooms := make([][]client.ConversationID, len(c.users))
	for room, members := range c.rooms {
		for _, m := range members {
			rooms[m] = append(rooms[m], room)
		}
	}
	tick := time.NewTicker(time.Second / time.Duration(perSecond))
	defer tick.Stop()
	var sends sync.WaitGroup
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			sends.Wait()
			return
		}
		at := rng.IntN(len(c.users))
		if len(rooms[at]) == 0 {
			continue
		}
		room := rooms[at][rng.IntN(len(rooms[at]))]
		sends.Go(func() { c.send(at, room) })
	}
}

// send sends a message and waits for its acknowledgement, for as long as the SDK needs. It returns the seq; 0 for none.
func (c *crowd) send(at int, room client.ConversationID) uint64 {
	key := fmt.Sprintf("%d-%d", at, c.drawn.Add(1))
	op := c.history.Invoke(history.Op{Kind: history.Append, Client: at, Conversation: uint64(room), Key: key})
	begin := time.Now()
	if c.sending != nil {
		c.sending(key, at%len(c.w.nodes))
	}
	sent, err := c.devices[at].Send(c.w.ctx(), room, client.Text(key))
	if err != nil {
		c.w.t.Errorf("sending %s: %v", key, err)
		return 0
	}
	ctx, cancel := context.WithTimeout(c.w.ctx(), 2*patience)
	defer cancel()
	ack, err := sent.Wait(ctx)
	if err != nil {
		st := c.devices[at].State()
		c.w.t.Errorf("waiting for the acknowledgement of %s: %v; the device is %s (%v)", key, err, st.Phase, st.Cause)
		return 0
	}
	op.OK(func(o *history.Op) { o.Seq = ack.Seq })
	c.acked.Add(1)
	if ack.Repeat {
		c.repeats.Add(1)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waits = append(c.waits, wait{begin, time.Since(begin)})
	return ack.Seq
}

// slowest is the longest wait for an acknowledgement.
func (c *crowd) slowest() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	var most time.Duration
	for _, w := range c.waits {
		most = max(most, w.took)
	}
	return most
}

// percentiles are the median and the 99th percentile of the waits for acknowledgements.
func (c *crowd) percentiles() [2]time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	took := make([]time.Duration, len(c.waits))
	for i, w := range c.waits {
		took[i] = w.took
	}
	slices.Sort(took)
	return [2]time.Duration{took[len(took)/2], took[len(took)*99/100]}
}

// unmoved checks that nine of ten sends that began in a span of time were acknowledged within two seconds of a busy machine: that they
// did not wait for what was away then.
func (c *crowd) unmoved(from, to time.Time, away string) {
	c.w.t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	var took []time.Duration
	for _, w := range c.waits {
		if w.begun.After(from) && w.begun.Before(to) {
			took = append(took, w.took)
		}
	}
	if len(took) < 50 {
		c.w.t.Errorf("only %d sends began while %s was away", len(took), away)
		return
	}
	slices.Sort(took)
	if p90 := took[len(took)*9/10]; p90 > 2*time.Second {
		c.w.t.Errorf("while %s was away sends waited %s at the 90th percentile: they wait for it", away, p90)
	}
}

// settle waits until everybody was told everything, and judges: I1, I2, I3, I4, I4b.
func (c *crowd) settle(limit time.Duration) {
	c.w.t.Helper()
	truth := history.Truth{}
	for room, members := range c.rooms {
		op := c.history.Invoke(history.Op{Kind: history.Pull, Conversation: uint64(room), From: 1})
		keys := c.w.log(0, c.users[members[0]], room)
		truth[uint64(room)] = keys
		op.OK(func(o *history.Op) { o.Keys, o.Whole = keys, true })
		for _, m := range members {
			d := c.devices[m]
			if !within(c.w.ctx(), limit, func() bool { return d.toldUpTo(room) == uint64(len(keys)) }) {
				c.w.t.Errorf("%s after everything settled: %s was told conversation %d up to %d of %d; it is %s", limit,
					d.stream.Device, room, d.toldUpTo(room), len(keys), d.State().Phase)
			}
		}
	}
	for _, d := range c.devices {
		d.judge(truth, true)
	}
	if err := c.history.Check(patience); err != nil {
		c.w.t.Error(err)
	}
}

// TestCrowdOnOneNode holds the crowd itself to account where nothing breaks.
func TestCrowdOnOneNode(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	c := gather(&world{t: t, nodes: []node{start(t, settingsOf(t))}}, 12, 10, rng)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	c.talk(ctx, 200, rng)
	c.settle(patience)
	if n := c.acked.Load(); n < 100 || c.repeats.Load() != 0 {
		t.Errorf("%d acknowledged, %d of them as repeats", n, c.repeats.Load())
	}
}
