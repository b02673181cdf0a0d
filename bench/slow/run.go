package slow

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/throng-im/throng/bench/live"
	"github.com/throng-im/throng/bench/load"
	"github.com/throng-im/throng/bench/pump"
	"github.com/throng-im/throng/bench/report"
	"github.com/throng-im/throng/bench/target"
	"github.com/throng-im/throng/client"
)

const ackPatience = 15 * time.Second

// run is one run.
type run struct {
	cfg    *Config
	tell   live.Func
	srv    *target.Server
	people *target.People
	conv   client.ConversationID
	fleet  *load.Fleet
	pump   *pump.Pump

	rep     Report
	parts   [2]part // nobody slow, somebody slow
	lost    int64
	average float64 // the machine's load before
}

// The parts.
const (
	without = iota
	with
)

// part is what came of all parts of a kind.
type part struct {
	latency *report.Histogram
	rates   []float64 // messages per second
	p50s    []float64
	memory  []memoryOf // of each round
}

// Run puts a server under load and looks at every receiver. tell may be nil; it is called from one goroutine at a time. The report is
// whole even where something was missed; the error is for what kept the run from its end.
func Run(ctx context.Context, cfg Config, tell live.Func) (rep Report, err error) {
	if err := cfg.complete(); err != nil {
		return Report{}, err
	}
	if tell == nil {
		tell = live.Silent
	}
	r := &run{cfg: &cfg, tell: tell, average: report.LoadAverage()}
	for i := range r.parts {
		r.parts[i].latency = report.NewHistogram()
	}
	o := cfg.Target
	o.Starting = func() { tell(live.Progress{Phase: "start"}) }
	if r.srv, err = target.Open(ctx, o); err != nil {
		return Report{}, err
	}
	defer func() { err = errors.Join(err, r.srv.Close()) }()
	if err := r.setUp(ctx); err != nil {
		return Report{}, fmt.Errorf("set up: %w", err)
	}
	defer func() { err = errors.Join(err, r.fleet.Close()) }()
	if err := r.fleet.Open(ctx, cfg.Members, tell); err != nil {
		return Report{}, err
	}
	r.pump.Start(pump.Server{Fleet: r.fleet, Conversation: uint64(r.conv)}, r.fleet.Now)
	defer r.pump.Close()
	if err := r.fleet.During(ctx, "the server's memory comes to its size", cfg.Duration, tell, r.pump.Err); err != nil {
		return Report{}, err
	}
	for round := range cfg.Rounds {
		kinds := []int{without, with}
		if round%2 == 1 { // what grows with time is on no side
			kinds = []int{with, without}
		}
		for _, kind := range kinds {
			if err := r.measure(ctx, kind, round); err != nil {
				return Report{}, err
			}
		}
	}
	return r.report(), nil
}

// setUp makes the group and its clients, the slow ones last.
func (r *run) setUp(ctx context.Context) (err error) {
	c := r.cfg
	if r.people, err = r.srv.MakePeople(ctx, c.Members, c.Members, r.tell); err != nil {
		return err
	}
	if r.conv, err = r.srv.MakeGroup(ctx, "bench", r.people.IDs, r.tell); err != nil {
		return err
	}
	if err := r.srv.AwaitMember(ctx, r.people.IDs[c.Members-1], r.conv); err != nil {
		return err
	}
	head, err := r.srv.Head(ctx, r.people.IDs[0], r.conv)
	if err != nil {
		return err
	}
	reading := c.Members - c.Slow
	senders := make([]int, c.Senders)
	sending := map[int]bool{}
	for i := range senders {
		senders[i] = i * (reading / c.Senders) // over all of them
		sending[senders[i]] = true
	}
	r.pump = pump.New(pump.Config{Senders: senders, Receivers: reading - 1, Size: c.Size, Rate: c.Rate})
	r.fleet, err = load.New(ctx, load.Config{
		URL: r.srv.URL(), Clients: c.Members, Token: r.people.Token, Driver: r.pump, Again: load.FullJitter(), Patience: c.Patience,
		Conversation: func(int) (uint64, uint64) { return uint64(r.conv), head + 1 },
		Sends:        func(n int) bool { return sending[n] },
		Slow:         func(n int) bool { return n >= reading },
	})
	return err
}

// hold stops the slow ones, or lets them go on.
func (r *run) hold(on bool) {
	for n := r.cfg.Members - r.cfg.Slow; n < r.cfg.Members; n++ {
		r.fleet.Hold(n, on)
	}
}

// slowOnes are a head for the slow ones alone.
func (r *run) slowOnes(head uint64) func(client int) uint64 {
	return func(client int) uint64 {
		if client >= r.cfg.Members-r.cfg.Slow {
			return head
		}
		return 0
	}
}

// measure is one part: it ends when everybody has everything.
func (r *run) measure(ctx context.Context, kind, round int) error {
	name := [...]string{without: "nobody slow", with: "with slow ones"}[kind]
	tell := func(p live.Progress) {
		p.Phase = fmt.Sprintf("%s %d/%d: %s", name, round+1, r.cfg.Rounds, p.Phase)
		r.tell(p)
	}
	f, p := r.fleet, r.pump
	p.Resume()
	if kind == with {
		r.hold(true)
		defer r.hold(false)
	}
	if err := f.During(ctx, "warm-up", r.cfg.Warmup, tell, p.Err); err != nil {
		return err
	}
	f.Clear()
	p.Clear()
	watch := watchMemory(ctx, r.srv)
	begin := time.Now()
	f.Measure(true)
	p.Measure(true)
	err := f.DuringUntil(ctx, "measure", r.cfg.Duration, tell, p.Err, p.Measured)
	p.Measure(false)
	f.Measure(false)
	took := time.Since(begin)
	memory := watch.end()
	if err != nil {
		return err
	}
	s, figures, latency := &r.parts[kind], p.Figures(), f.Latencies()
	s.latency.Merge(latency)
	s.rates = append(s.rates, float64(figures.Messages)/took.Seconds())
	s.p50s = append(s.p50s, latency.At(median))
	s.memory = append(s.memory, memory)
	r.rep.Messages += figures.Messages
	r.rep.Again += figures.Again
	if kind == with {
		n := f.Lacking(r.slowOnes(f.Highest()))
		r.rep.Behind = append(r.rep.Behind, float64(n)/float64(r.cfg.Slow))
		r.hold(false)
	}
	return r.settle(ctx, kind, tell)
}

// settle waits until everybody has everything.
func (r *run) settle(ctx context.Context, kind int, tell live.Func) error {
	begin := time.Now()
	if err := r.pump.Answered(ctx, ackPatience); err != nil {
		return err
	}
	head, err := r.srv.Head(ctx, r.people.IDs[0], r.conv)
	if err != nil {
		return err
	}
	head = max(head, r.fleet.Highest())
	r.lost += int64(r.fleet.Settle(ctx, load.UpTo(r.cfg.Members, head), tell))
	if kind == with {
		r.rep.Back = append(r.rep.Back, time.Since(begin).Seconds())
	}
	return ctx.Err()
}
