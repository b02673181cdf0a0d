package fair

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/throng-im/throng/bench/live"
	"github.com/throng-im/throng/bench/report"
	"github.com/throng-im/throng/bench/target"
)

// run is one run.
type run struct {
	cfg          *Config
	tell         live.Func
	srv          *target.Server
	people       *target.People // the pairs first, then the group
	pairs, group *crowd

	sides   [2]side
	group99 *report.Histogram // of the group's own deliveries
	average float64           // the machine's load before

	// Of the group, in the parts with it.
	deliveries, messages int64
	took                 time.Duration
}

// The sides.
const (
	alone = iota
	beside
)

// side is what came of the chats in all parts of a kind.
type side struct {
	all, ack *report.Histogram
	messages int64
	p99s     []float64 // by round
	loads    []report.Load
}

// Run puts a server under load and looks at every receiver. tell may be nil; it is called from one goroutine at a time. The report is
// whole even where something was lost; the error is for what kept the run from its end.
func Run(ctx context.Context, cfg Config, tell live.Func) (rep Report, err error) {
	if err := cfg.complete(); err != nil {
		return Report{}, err
	}
	if tell == nil {
		tell = live.Silent
	}
	r := &run{cfg: &cfg, tell: tell, average: report.LoadAverage(), group99: report.NewHistogram()}
	for i := range r.sides {
		r.sides[i] = side{all: report.NewHistogram(), ack: report.NewHistogram()}
	}
	o := cfg.Target
	o.Starting = func() { tell(live.Progress{Phase: "start"}) }
	if r.srv, err = target.Open(ctx, o); err != nil {
		return Report{}, err
	}
	defer func() { err = errors.Join(err, r.srv.Close()) }()
	users := cfg.Members + 2*cfg.Pairs
	if r.people, err = r.srv.MakePeople(ctx, users, cfg.Online+2*cfg.Pairs, tell); err != nil {
		return Report{}, fmt.Errorf("set up: %w", err)
	}
	if r.group, err = r.makeGroup(ctx); err != nil {
		return Report{}, fmt.Errorf("set up the group: %w", err)
	}
	defer func() { err = errors.Join(err, r.group.close()) }()
	if r.pairs, err = r.makePairs(ctx); err != nil {
		return Report{}, fmt.Errorf("set up the chats: %w", err)
	}
	defer func() { err = errors.Join(err, r.pairs.close()) }()
	for round := range cfg.Rounds {
		for kind, name := range [...]string{alone: "alone", beside: "beside the group"} {
			err := r.measure(ctx, kind, func(p live.Progress) {
				p.Phase = fmt.Sprintf("%s %d/%d: %s", name, round+1, cfg.Rounds, p.Phase)
				tell(p)
			})
			if err != nil {
				return Report{}, fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	return r.report(), nil
}

// check is what keeps either from going on.
func (r *run) check() error { return errors.Join(r.pairs.pump.Err(), r.group.pump.Err()) }

// measure is one part: it ends when everybody has everything.
func (r *run) measure(ctx context.Context, kind int, tell live.Func) error {
	chats, group := r.pairs.pump, r.group.pump
	chats.Resume()
	if kind == beside {
		group.Resume()
	}
	if err := r.pairs.fleet.During(ctx, "warm-up", r.cfg.Warmup, tell, r.check); err != nil {
		return err
	}
	chats.Clear()
	group.Clear()
	r.group.fleet.Clear()
	cpu, own, times, begin := r.srv.CPU(ctx), report.OwnCPU(), report.MachineTimes(), time.Now()
	r.on(true)
	err := r.pairs.fleet.DuringUntil(ctx, "measure", r.cfg.Duration, tell, r.check, func() bool {
		return chats.Measured() && (kind == alone || group.Measured())
	})
	took := time.Since(begin)
	l := report.Load{Server: (r.srv.CPU(ctx) - cpu).Seconds(), Own: (report.OwnCPU() - own).Seconds()}
	l.Between(times, report.MachineTimes())
	if kind == beside {
		r.took += took
		r.messages += group.Figures().Messages
		r.deliveries += r.group.fleet.Counts().Entries
		r.group99.Merge(r.group.fleet.Latencies())
	}
	if err == nil {
		err = r.pairs.rest(ctx) // what is late counts too, and the group goes on meanwhile
	}
	r.on(false)
	if err != nil {
		return err
	}
	s, figures := &r.sides[kind], chats.Figures()
	s.all.Merge(figures.All)
	s.ack.Merge(figures.Ack)
	s.messages += figures.Messages
	s.p99s = append(s.p99s, figures.All.At(99))
	s.loads = append(s.loads, l)
	if kind == beside {
		if err := r.group.rest(ctx); err != nil {
			return err
		}
		if err := r.group.settle(ctx, tell); err != nil {
			return err
		}
	}
	return r.pairs.settle(ctx, tell)
}

// on begins or ends a measured part.
func (r *run) on(on bool) {
	for _, c := range []*crowd{r.group, r.pairs} {
		c.fleet.Measure(on)
		c.pump.Measure(on)
	}
}
