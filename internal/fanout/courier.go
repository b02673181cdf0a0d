package fanout

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/cluster"
	"github.com/throng-im/throng/internal/trace"
)

// deliver takes the steps of turns to their nodes, stage by stage: the routes of all of them in one call, the deliveries in another. What
// is to be cached is cached before anybody is told of it, and pulls.
func (f *follower) deliver(ctx context.Context, turns []*turn) {
	var keep []*chat.Entry
	for _, t := range turns {
		if t.err == nil {
			keep = append(keep, t.keep...)
		}
	}
	var keeping sync.WaitGroup
	if len(keep) > 0 {
		keeping.Go(func() { f.hot.Put(ctx, keep...) })
	}
	for stage := 0; ; stage++ {
		c := courier{follower: f, begun: time.Now()}
		for _, t := range turns {
			for len(t.steps) > 0 && t.steps[0].stage == stage && t.err == nil {
				c.take(t, t.steps[0])
				t.steps = t.steps[1:]
			}
		}
		more := slices.ContainsFunc(turns, func(t *turn) bool { return t.err == nil && len(t.steps) > 0 })
		if len(c.tasks) > 0 {
			f.routes.Resolve(ctx, c.lookups)
			keeping.Wait()
			c.post(ctx)
		}
		if !more {
			break
		}
	}
	keeping.Wait()
}

// courier delivers the steps of one stage.
type courier struct {
	*follower

	begun   time.Time
	tasks   []task
	lookups []cluster.Lookup
}

// task is a step, whose turn it is, and which lookup says where it goes.
type task struct {
	turn     *turn
	delivery *cluster.Delivery
	group    bool
	lookup   int
}

// take adds a step. Steps of a turn that go the same way share a lookup.
func (c *courier) take(t *turn, s step) {
	at := -1
	for i := len(c.tasks) - 1; i >= 0 && i >= len(c.tasks)-4 && c.tasks[i].turn == t && at < 0; i-- {
		if other := &c.tasks[i]; other.group == s.group && (s.group || same(other.delivery.Users, s.delivery.Users)) {
			at = other.lookup
		}
	}
	if at < 0 {
		at = len(c.lookups)
		l := cluster.Lookup{Users: s.delivery.Users}
		if s.group {
			l = cluster.Lookup{Group: s.delivery.Conversation}
		}
		c.lookups = append(c.lookups, l)
	}
	c.tasks = append(c.tasks, task{turn: t, delivery: s.delivery, group: s.group, lookup: at})
}

// same reports that two lists are the same memory: members who did not change from one entry to the next.
func same(a, b []chat.UserID) bool {
	return len(a) == len(b) && len(a) > 0 && &a[0] == &b[0]
}

// post delivers, in order for each node. Deliveries that routes or bus are not there for are let go of: those that follow must not wait
// for them, and devices find by digests what they were not told.
func (c *courier) post(ctx context.Context) {
	var parcels []cluster.Parcel
	var of []int // tasks, by parcel
	failed := make([]error, len(c.tasks))
	for i := range c.tasks {
		l := &c.lookups[c.tasks[i].lookup]
		failed[i] = l.Err
		for _, n := range l.Nodes {
			parcels, of = append(parcels, cluster.Parcel{Node: n, Delivery: c.tasks[i].delivery}), append(of, i)
		}
	}
	if len(parcels) > 0 {
		c.bus.Post(ctx, parcels)
	}
	for i := range parcels {
		if err := parcels[i].Err; err != nil && (failed[of[i]] == nil || chat.AsError(err).Code != chat.CodeUnavailable) {
			failed[of[i]] = err
		}
	}
	for i, err := range failed {
		lost := uint32(0)
		switch {
		case err == nil:
		case chat.AsError(err).Code == chat.CodeUnavailable:
			c.metrics.lost.Inc()
			lost = 1
		default:
			c.tasks[i].turn.err = cmp.Or(c.tasks[i].turn.err, err)
			continue
		}
		if c.trace.On() && c.tasks[i].delivery.Kind == cluster.DeliverEntry {
			c.note(&c.tasks[i], lost)
		}
	}
}

// note has the delivery of an entry noted.
func (c *courier) note(t *task, lost uint32) {
	e, way := t.delivery.Entry, uint32(trace.WayUsers)
	if t.group {
		way = trace.WayGroup
	}
	step := trace.Step{
		Kind: trace.Fanout, Conversation: uint64(e.Conversation), Seq: uint64(e.Seq), User: uint64(e.Sender),
		Counts: [4]uint32{way, uint32(len(t.delivery.Users)), uint32(len(c.lookups[t.lookup].Nodes)), lost}, Stream: trace.NoStream,
	}
	if c.stream != nil {
		step.Stream, step.Position = int32(c.stream.Number()), uint64(c.to)
	} else {
		step.Counts[0] = trace.WayDirect
	}
	step.Begun(c.begun)
	c.trace.Add(step)
}
