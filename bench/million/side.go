package million

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/throng-im/throng/bench/live"
	"github.com/throng-im/throng/bench/load"
	"github.com/throng-im/throng/bench/pump"
	"github.com/throng-im/throng/bench/report"
)

const (
	pollEvery = 10 * time.Millisecond
	// allWithin is how long one message may take to everybody before the run gives up.
	allWithin = 2 * time.Minute
	ackWithin = 30 * time.Second
)

// side is the gateways, or the bare loops.
type side struct {
	// Immutable after construction.
	name  string
	urls  []string
	token func(client int) (token, device string)
	conv  uint64
	next  uint64 // the first seq that everybody gets
	mouth func(f *load.Fleet) pump.Mouth
	cpu   func() time.Duration
	head  func(ctx context.Context) (uint64, error) // the last seq that there is
	// writes: its clients write; else all of them only read.
	writes bool
	// opened is called when everybody is there.
	opened func()

	figures Side
	counts  load.Counts
	reasons map[string]int64
	lost    int
}

// fleet makes the side's clients.
func (r *run) fleet(ctx context.Context, s *side, driver load.Driver, writers map[int]bool) (*load.Fleet, error) {
	return r.fleetOf(ctx, r.cfg, s, driver, writers)
}

func (r *run) fleetOf(ctx context.Context, c *Config, s *side, driver load.Driver, writers map[int]bool) (*load.Fleet, error) {
	r.fleets++
	heartbeat := c.Heartbeat
	if heartbeat >= verdictWithin {
		heartbeat = -1
	}
	return load.New(ctx, load.Config{
		URLs: s.urls, Loops: c.Processes, Private: true, Early: true, Clients: c.Members, Token: s.token, Driver: driver, Again: load.FullJitter(),
		Sources: r.fleets, Opening: c.Opening * c.Processes, Filling: c.Filling, Heartbeat: heartbeat, Patience: c.Patience,
		Conversation: func(int) (uint64, uint64) { return s.conv, s.next },
		Sends:        func(n int) bool { return writers[n] },
	})
}

// measure is all that is done with a side.
func (r *run) measure(ctx context.Context, s *side) (err error) {
	c := r.cfg
	writers, set := []int{c.Members}, map[int]bool(nil) // somebody who is no client
	receivers := c.Members
	if s.writes {
		writers, set, receivers = make([]int, c.Writers), map[int]bool{}, c.Members-1
		for i := range writers {
			writers[i] = i * (c.Members / c.Writers) // over all of them
			set[writers[i]] = true
		}
	}
	p := pump.New(pump.Config{Senders: writers, Random: true, Receivers: receivers, Size: c.Size, InFlight: 1})
	f, err := r.fleet(ctx, s, p, set)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	tell := func(l live.Progress) {
		l.Phase = s.name + ": " + l.Phase
		r.tell(l)
	}
	if err := r.connect(ctx, s, f, tell); err != nil {
		return err
	}
	p.Start(s.mouth(f), f.Now)
	defer p.Close()
	if err := s.alone(ctx, c, f, p, tell); err != nil {
		return fmt.Errorf("%s: %w", s.name, err)
	}
	if s.writes {
		if err := s.flow(ctx, c, f, p, tell); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return s.settle(ctx, c, f, p, tell)
}

// connect opens everybody.
func (r *run) connect(ctx context.Context, s *side, f *load.Fleet, tell live.Func) error {
	begin, cpu, own, free, slab := time.Now(), s.cpu(), report.OwnCPU(), report.Available(), report.Slab()
	if err := f.Open(ctx, r.cfg.Members, tell); err != nil {
		return fmt.Errorf("%s: %w", s.name, err)
	}
	n := float64(r.cfg.Members)
	took := time.Since(begin).Seconds()
	const us = 1e6
	s.figures.Connect = took
	s.figures.PerSecond = n / took
	s.figures.ConnectCPU, s.figures.ConnectLoad = us*(s.cpu()-cpu).Seconds()/n, us*(report.OwnCPU()-own).Seconds()/n
	s.figures.Memory, s.figures.Kernel = float64(free-report.Available())/n, float64(report.Slab()-slab)/n
	s.figures.Tries = f.Counts().MostTries
	if s.opened != nil {
		s.opened()
	}
	return nil
}

// alone measures messages that go out one after the other. The first one is not counted: it finds caches cold.
func (s *side) alone(ctx context.Context, c *Config, f *load.Fleet, p *pump.Pump, tell live.Func) error {
	warm := func() bool { _, sent := p.Highest(); return sent > 1 }
	if err := await(ctx, p, "warm-up", 1, tell, func() int {
		if warm() {
			return 1
		}
		return 0
	}); err != nil {
		return err
	}
	cpu, own := s.cpu(), report.OwnCPU()
	f.Measure(true)
	p.Measure(true)
	err := await(ctx, p, "one by one", c.Messages, tell, func() int { return int(p.Figures().Messages) })
	p.Pause()
	p.Measure(false)
	f.Measure(false)
	if err != nil {
		return err
	}
	figures, n := p.Figures(), max(f.Counts().Entries, 1)
	all := figures.All.Latency()
	s.figures.First, s.figures.All, s.figures.AllMax = figures.First.At(50), figures.All.At(50), all.Max
	s.figures.Each, s.figures.Ack = f.Latencies().Latency(), figures.Ack.Latency()
	const us = 1e6
	s.figures.CPU, s.figures.Load = us*(s.cpu()-cpu).Seconds()/float64(n), us*(report.OwnCPU()-own).Seconds()/float64(n)
	return quiet(ctx, p)
}

// await waits until so many messages have reached everybody.
func await(ctx context.Context, p *pump.Pump, phase string, total int, tell live.Func, done func() int) error {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	last, moved := -1, time.Now()
	for {
		n := done()
		if n != last {
			last, moved = n, time.Now()
			tell(live.Progress{Phase: phase, Done: n, Total: total})
		}
		if n >= total {
			return nil
		}
		if err := p.Err(); err != nil {
			return err
		}
		if time.Since(moved) > allWithin {
			return fmt.Errorf("a message has not reached everybody after %v", allWithin)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// quiet waits until nothing is on its way.
func quiet(ctx context.Context, p *pump.Pump) error {
	end := time.Now().Add(allWithin)
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		if _, flying := p.Waiting(); flying == 0 || time.Now().After(end) {
			return nil // who lacks something is found out in the end
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// flow has the writers write, many messages at once.
func (s *side) flow(ctx context.Context, c *Config, f *load.Fleet, p *pump.Pump, tell live.Func) error {
	f.Clear()
	p.Clear()
	p.SetInFlight(c.InFlight)
	begin := time.Now()
	f.Measure(true)
	p.Measure(true)
	p.Resume()
	err := f.DuringUntil(ctx, "everybody writes", c.Duration, tell, p.Err, p.Measured)
	p.Pause()
	if err == nil {
		err = quiet(ctx, p)
	}
	p.Measure(false)
	f.Measure(false)
	took := time.Since(begin).Seconds()
	figures, counts := p.Figures(), f.Counts()
	s.figures.Flow = &Flow{
		Messages: figures.Messages, PerSecond: float64(figures.Messages) / took, Deliveries: counts.Entries,
		DeliveriesPerSecond: float64(counts.Entries) / took, PerFrame: float64(counts.Entries) / float64(max(counts.Frames, 1)),
		Ack: figures.Ack.Latency(), All: figures.All.Latency(), Again: figures.Again,
	}
	return err
}

// settle looks at every receiver.
func (s *side) settle(ctx context.Context, c *Config, f *load.Fleet, p *pump.Pump, tell live.Func) error {
	if err := p.Answered(ctx, ackWithin); err != nil {
		return fmt.Errorf("%s: %w", s.name, err)
	}
	head, err := s.head(ctx)
	if err != nil {
		return err
	}
	head = max(head, f.Highest())
	s.lost = f.Settle(ctx, load.UpTo(c.Members, head), tell)
	s.counts, s.reasons = f.Counts(), f.Reasons()
	s.figures.Messages = int64(head - s.next + 1)
	s.figures.Pulled, s.figures.Cut = s.counts.Pulled, s.counts.Cut
	return ctx.Err()
}
