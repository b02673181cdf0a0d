package storm

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"connectrpc.com/connect"

	"github.com/throng-im/throng/bench/load"
	"github.com/throng-im/throng/bench/report"
	"github.com/throng-im/throng/bench/target"
	"github.com/throng-im/throng/bench/text"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// flood makes everybody send to somebody of its own: one message after the other, or as many as are due.
type flood struct {
	load.Nobody

	f     *load.Fleet
	size  int
	prose text.Prose
	convs []uint64 // by client

	storming atomic.Bool
	stopped  atomic.Bool
	acked    atomic.Int64
	refused  atomic.Int64
	unsent   atomic.Int64 // were due when their sender had no room

	clients []sender
	acks    [2]*report.Shared // at the peak, in the storm
}

// sender is one client's part.
type sender struct {
	mu      sync.Mutex
	counter uint32
	open    map[uint64]int64 // requests that are not answered, and when they were due
	head    uint64           // the highest of its seqs
}

func newFlood(clients, size int) *flood {
	f := &flood{size: size, prose: text.NewProse(), clients: make([]sender, clients), convs: make([]uint64, clients)}
	f.acks = [2]*report.Shared{report.NewShared(), report.NewShared()}
	for i := range f.clients {
		f.clients[i].open = map[uint64]int64{}
	}
	return f
}

// say sends a client's next message, if it has room.
func (f *flood) say(client int, room int) bool {
	s := &f.clients[client]
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.open) >= room {
		return false
	}
	now := f.f.Now()
	words := make([]byte, f.size)
	id := uint64(s.counter) + 1
	copy(words[text.MinBytes:], f.prose.Cut(f.size-text.MinBytes, uint64(client)<<32|id))
	text.Stamp{Sender: uint32(client), Counter: s.counter, Due: now}.Write(words)
	s.counter++
	s.open[id] = now
	var uuid [16]byte
	binary.BigEndian.PutUint64(uuid[:8], rand.Uint64()) //nolint:gosec // unguessable it need not be
	binary.BigEndian.PutUint64(uuid[8:], rand.Uint64()) //nolint:gosec // as above
	uuid[6], uuid[8] = 0x40|uuid[6]&0x0f, 0x80|uuid[8]&0x3f
	f.f.Send(client, id, f.convs[client], &uuid, words)
	return true
}

// done ends a request, and reports when it was due.
func (f *flood) done(client int, id, seq uint64) (due int64, known bool) {
	s := &f.clients[client]
	s.mu.Lock()
	defer s.mu.Unlock()
	due, known = s.open[id]
	delete(s.open, id)
	s.head = max(s.head, seq)
	return due, known
}

// Acked implements load.Driver.
func (f *flood) Acked(client int, id, seq uint64, now int64) {
	due, known := f.done(client, id, seq)
	if !known {
		return
	}
	f.acked.Add(1)
	part := 0
	if f.storming.Load() {
		part = 1
	}
	f.acks[part].Record(client, time.Duration(now-due))
	if part == 0 && !f.stopped.Load() {
		f.say(client, 1)
	}
}

// Refused implements load.Driver. Who is refused at the peak tries again with the next; in the storm there is always a next.
func (f *flood) Refused(client int, id uint64, _ load.Refusal) {
	if _, known := f.done(client, id, 0); !known {
		return
	}
	f.refused.Add(1)
	if !f.storming.Load() && !f.stopped.Load() {
		f.say(client, 1)
	}
}

// waiting is how many requests are not answered.
func (f *flood) waiting() (n int) {
	for i := range f.clients {
		s := &f.clients[i]
		s.mu.Lock()
		n += len(s.open)
		s.mu.Unlock()
	}
	return n
}

// heads are what each client's conversation has come to, by the answers that it and its peer got.
func (f *flood) heads() func(client int) uint64 {
	byConv := map[uint64]uint64{}
	for i := range f.clients {
		s := &f.clients[i]
		s.mu.Lock()
		byConv[f.convs[i]] = max(byConv[f.convs[i]], s.head)
		s.mu.Unlock()
	}
	return func(client int) uint64 { return byConv[f.convs[client]] }
}

// open makes a direct conversation for every two.
func (f *flood) openAll(ctx context.Context, w *world) error {
	web := target.Web()
	defer web.CloseIdleConnections()
	const atOnce = 32
	return target.Each(ctx, "conversations", len(f.clients)/2, atOnce, w.tell, func(ctx context.Context, k int) error {
		a, b := 2*k, 2*k+1
		resp, err := w.srv.API(web, w.people.IDs[a]).Conversations.OpenDirect(ctx,
			connect.NewRequest(&throngv1.OpenDirectRequest{User: uint64(w.people.IDs[b])}))
		if err != nil {
			return fmt.Errorf("open a direct conversation: %w", err)
		}
		f.convs[a], f.convs[b] = resp.Msg.GetConversation().GetId(), resp.Msg.GetConversation().GetId()
		return nil
	})
}

// offer makes messages due, so many a second over all clients.
func (f *flood) offer(ctx context.Context, rate float64, d time.Duration) (offered int64) {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	begin := time.Now()
	for ctx.Err() == nil {
		<-tick.C
		took := time.Since(begin)
		for due := int64(rate * min(took, d).Seconds()); offered < due; offered++ {
			if !f.say(int(offered)%len(f.clients), inFlight) {
				f.unsent.Add(1)
			}
		}
		if took >= d {
			return offered
		}
	}
	return offered
}

// sends finds the most that the server takes, and then sends it several times as much.
func (w *world) sends(ctx context.Context) (s Storm, err error) {
	w.cfg.Clients -= w.cfg.Clients % 2
	fl := newFlood(w.cfg.Clients, w.cfg.Size)
	if err := fl.openAll(ctx, w); err != nil {
		return s, err
	}
	f, err := w.fleet(ctx, func(c *load.Config) {
		const first = 2 // behind the entry that a conversation begins with
		c.Driver, c.Sends = fl, nil
		c.Conversation = func(n int) (uint64, uint64) { return fl.convs[n], first }
	})
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	fl.f = f
	health := watchOver(ctx, w.srv)
	defer health.close()
	for client := range fl.clients {
		fl.say(client, 1)
	}
	fine := func() error { return nil }
	if err := f.During(ctx, "warm-up", time.Second, w.tell, fine); err != nil {
		return s, err
	}
	before, begin := fl.acked.Load(), time.Now()
	if err := f.During(ctx, "peak", w.cfg.Duration, w.tell, fine); err != nil {
		return s, err
	}
	peak := float64(fl.acked.Load()-before) / time.Since(begin).Seconds()

	fl.storming.Store(true)
	before, begin = fl.acked.Load(), time.Now()
	refused, cpu, own := fl.refused.Load(), w.srv.CPU(ctx), report.OwnCPU()
	offered := make(chan int64, 1)
	go func() { offered <- fl.offer(ctx, w.cfg.Times*peak, w.cfg.Duration) }() // ends with the storm
	err = f.During(ctx, "storm", w.cfg.Duration, w.tell, fine)
	goodput := float64(fl.acked.Load()-before) / time.Since(begin).Seconds()
	cpu, own = w.srv.CPU(ctx)-cpu, report.OwnCPU()-own
	s.Offered = <-offered
	if err != nil {
		return s, err
	}
	fl.stopped.Store(true)
	w.wait(ctx, "answers", answeredIn, func() (int, int) { return -fl.waiting(), 0 })
	health.close()
	unanswered := fl.waiting()
	lost := f.Settle(ctx, fl.heads(), w.tell)
	c := f.Counts()
	l := fl.acks[1].Sum().Latency()
	s = Storm{
		Scenario: fmt.Sprintf("%d senders offer %g times what the server takes", w.cfg.Clients, w.cfg.Times), Clients: w.cfg.Clients,
		Health: health.health(), Peak: peak, Goodput: goodput, Offered: s.Offered, Unsent: fl.unsent.Load(), RefusedSends: fl.refused.Load() - refused,
		LatencyMS: &l, Pulls: c.Pulls, Hints: c.Hints, Refused: f.Reasons(), CPU: cpu.Seconds(), ClientCPU: own.Seconds(),
		plots: []report.Plot{
			{
				Title: "Latency of the answers", X: "percentile", Y: "ms", Tail: true, Lines: []report.Line{
					{Name: "at the peak", Points: fl.acks[0].Sum().Curve()}, {Name: "in the storm", Points: fl.acks[1].Sum().Curve()},
				},
			},
			health.plot(),
		},
	}
	s.wrong(&c, lost)
	s.judge(unanswered > 0, "%d messages were not answered for %v", unanswered, answeredIn)
	s.judge(goodput < leastGoodput*peak, "only %.0f/s of %.0f/s were taken in the storm", goodput, peak)
	s.judge(c.Cut > 0, "%d sessions were cut", c.Cut)
	s.judgeHealth()
	return s, ctx.Err()
}
