package fanout

import (
	"context"
	"fmt"
	"time"

	"github.com/throng-im/throng/bench/live"
	"github.com/throng-im/throng/bench/load"
	"github.com/throng-im/throng/bench/pump"
	"github.com/throng-im/throng/bench/report"
)

const ackPatience = 15 * time.Second

// side is the server or the bare loop.
type side struct {
	name   string
	fleet  func(ctx context.Context, c load.Config) (*load.Fleet, error)
	url    string
	token  func(client int) (token, device string)
	conv   uint64
	next   uint64 // the first seq of the next round
	mouth  func(f *load.Fleet) pump.Mouth
	cpu    func() time.Duration
	head   func(ctx context.Context) (uint64, error) // the last seq that there is
	opened func()                                    // everybody is connected

	// What came of its rounds.
	rates, alls []float64 // deliveries per second, median ms to all
	counts      load.Counts
	took        time.Duration
	used        time.Duration // processor time
	loads       []report.Load
	latency     *report.Histogram
	figures     pump.Figures
	moments     []report.Moment
	reasons     map[string]int64
	lost        int
	single      *Latency // of messages that were alone, where that was measured apart
}

func newSide(name string) *side {
	return &side{
		name: name, fleet: load.New, latency: report.NewHistogram(), reasons: map[string]int64{},
		figures: pump.Figures{Ack: report.NewHistogram(), First: report.NewHistogram(), All: report.NewHistogram()},
	}
}

// measure is one round of one side.
func (r *run) measure(ctx context.Context, s *side, round int) (err error) {
	c := r.cfg
	looking := c.Online - c.Blind
	senders := make([]int, c.Senders)
	sending := map[int]bool{}
	for i := range senders {
		senders[i] = i * (looking / c.Senders) // over all of them
		sending[senders[i]] = true
	}
	flow := pump.Config{Senders: senders, Random: c.Random, Receivers: looking - 1, Size: c.Size, InFlight: c.InFlight, Rate: c.Rate}
	if c.Memory { // first
		flow.InFlight = 1
	}
	if s.name == bareName { // nobody sends there: all of them receive
		flow.Senders, flow.Receivers, sending = []int{c.Online}, looking, nil
	}
	p := pump.New(flow)
	f, err := s.fleet(ctx, load.Config{
		URL: s.url, Clients: c.Online, Token: s.token, Driver: p, Again: load.FullJitter(), Sources: r.sources(), Patience: c.Patience,
		Conversation: func(int) (uint64, uint64) { return s.conv, s.next },
		Focus:        func(n int) bool { return n < looking },
		Sends:        func(n int) bool { return sending[n] },
	})
	if err != nil {
		return err
	}
	defer func() {
		if cerr := f.Close(); err == nil {
			err = cerr
		}
	}()
	tell := r.round(s, round)
	if err := f.Open(ctx, c.Online, tell); err != nil {
		return fmt.Errorf("%s: %w", s.name, err)
	}
	if s.opened != nil {
		s.opened()
	}
	p.Start(s.mouth(f), f.Now)
	defer p.Close()
	if err := f.During(ctx, "warm-up", c.Warmup, tell, p.Err); err != nil {
		return fmt.Errorf("%s: %w", s.name, err)
	}
	d := c.Duration / time.Duration(c.Rounds)
	if c.Memory {
		d /= 2
		if err := s.alone(ctx, f, p, d, c, tell); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	if err := s.window(ctx, f, p, d, tell); err != nil {
		return fmt.Errorf("%s: %w", s.name, err)
	}
	return s.settle(ctx, f, p, c.Online, tell)
}

// alone measures messages that go out one after the other, before the flow begins.
func (s *side) alone(ctx context.Context, f *load.Fleet, p *pump.Pump, d time.Duration, c *Config, tell live.Func) error {
	f.Measure(true)
	p.Measure(true)
	err := f.DuringUntil(ctx, "one by one", d, tell, p.Err, p.Measured)
	p.Measure(false)
	f.Measure(false)
	figures := p.Figures()
	s.single = latencyOf(f.Latencies(), &figures)
	f.Clear()
	p.Clear()
	p.SetInFlight(c.InFlight)
	if err != nil {
		return err
	}
	return f.During(ctx, "warm-up", c.Warmup, tell, p.Err)
}

// latencyOf are the figures of a distribution.
func latencyOf(h *report.Histogram, figures *pump.Figures) *Latency {
	l := h.Latency()
	return &Latency{First: figures.First.At(50), P50: l.P50, P99: l.P99, Max: l.Max, All: figures.All.At(50), AllMax: figures.All.Latency().Max}
}

// window measures.
func (s *side) window(ctx context.Context, f *load.Fleet, p *pump.Pump, d time.Duration, tell live.Func) error {
	cpu0, own0, times0, begin := s.cpu(), report.OwnCPU(), report.MachineTimes(), time.Now()
	f.Measure(true)
	p.Measure(true)
	err := f.DuringUntil(ctx, "measure", d, tell, p.Err, p.Measured)
	p.Measure(false)
	f.Measure(false)
	took, used := time.Since(begin), s.cpu()-cpu0
	l := report.Load{Server: used.Seconds(), Own: (report.OwnCPU() - own0).Seconds()}
	l.Between(times0, report.MachineTimes())
	s.loads = append(s.loads, l)
	s.took += took
	s.used += used
	n := f.Counts().Entries
	s.rates = append(s.rates, float64(n)/took.Seconds())
	return err
}

// settle looks at every receiver.
func (s *side) settle(ctx context.Context, f *load.Fleet, p *pump.Pump, online int, tell live.Func) error {
	if err := p.Answered(ctx, ackPatience); err != nil {
		return fmt.Errorf("%s: %w", s.name, err)
	}
	head, err := s.head(ctx)
	if err != nil {
		return err
	}
	head = max(head, f.Highest())
	s.lost += f.Settle(ctx, load.UpTo(online, head), tell)
	s.next = head + 1
	counts, figures := f.Counts(), p.Figures()
	s.counts.Add(&counts)
	s.latency.Merge(f.Latencies())
	s.alls = append(s.alls, figures.All.At(50))
	s.figures.Messages += figures.Messages
	s.figures.Again += figures.Again
	s.figures.Ack.Merge(figures.Ack)
	s.figures.First.Merge(figures.First)
	s.figures.All.Merge(figures.All)
	for reason, n := range f.Reasons() {
		s.reasons[reason] += n
	}
	after := 0.0
	if n := len(s.moments); n > 0 {
		after = s.moments[n-1].Seconds
	}
	for _, m := range f.Moments() {
		m.Seconds += after
		s.moments = append(s.moments, m)
	}
	return ctx.Err()
}
