package million

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/throng-im/throng/bench/bare"
	"github.com/throng-im/throng/bench/live"
	"github.com/throng-im/throng/bench/load"
	"github.com/throng-im/throng/bench/pump"
	"github.com/throng-im/throng/bench/report"
)

// run is one run.
type run struct {
	cfg    *Config
	tell   live.Func
	fleets int // made until now
}

// Run puts everybody online and looks at every delivery. tell may be nil; it is called from one goroutine at a time. The report is whole
// even where messages were lost; the error is for what kept the run from its end.
func Run(ctx context.Context, cfg Config, tell live.Func) (rep Report, err error) {
	if err := cfg.complete(); err != nil {
		return Report{}, err
	}
	if tell == nil {
		tell = live.Silent
	}
	begin, average := time.Now(), report.LoadAverage()
	folder := cfg.Folder
	if folder == "" {
		if folder, err = os.MkdirTemp("", "throng-bench-"); err != nil {
			return Report{}, err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	}
	r := &run{cfg: &cfg, tell: tell}
	g, err := readGround(&cfg)
	if err != nil {
		return Report{}, err
	}
	servers, err := r.servers(ctx, folder, g, &rep)
	if err != nil || cfg.Prepare != "" {
		return rep, err
	}
	sides := []*side{servers}
	if !cfg.Alone {
		loops, err := r.loops(ctx)
		if err != nil {
			return Report{}, err
		}
		sides = append(sides, loops)
	}
	rep.fill(&cfg, sides)
	rep.Prepared, rep.Took = g.took.Seconds(), (time.Since(begin) - g.took).Seconds()
	rep.Load.Average = average
	return rep, nil
}

// servers measures the gateways.
func (r *run) servers(ctx context.Context, folder string, g *ground, rep *Report) (s *side, err error) {
	c := r.cfg
	start := time.Now()
	all, err := startCluster(ctx, c, folder, g.Server, g.Company, r.tell)
	if err != nil {
		return nil, fmt.Errorf("start the nodes: %w", err)
	}
	defer func() {
		if cerr := all.close(); cerr != nil {
			rep.Closing = cerr.Error()
		}
	}()
	rep.Start = time.Since(start).Seconds()
	if err := g.lay(ctx, c, all.node, r.tell); err != nil {
		return nil, fmt.Errorf("set up: %w", err)
	}
	s = &side{
		name: "gateways", urls: all.urls(), token: g.people.Token, conv: uint64(g.Group), writes: true,
		cpu:   func() time.Duration { return all.cpu(ctx) },
		head:  func(ctx context.Context) (uint64, error) { return all.node.Head(ctx, g.Owner, g.Group) },
		mouth: func(f *load.Fleet) pump.Mouth { return pump.Server{Fleet: f, Conversation: uint64(g.Group)} },
	}
	head, err := s.head(ctx)
	if err != nil {
		return nil, err
	}
	s.next = head + 1
	if c.Prepare == PrepareGroup {
		return s, nil
	}
	if c.Ground != "" && g.Devices < c.Members {
		if err := r.greet(ctx, s, g); err != nil {
			return nil, err
		}
	}
	if c.Prepare != "" {
		return s, nil
	}
	s.token = signed(s.token, c.Members)
	before, rss := all.metrics(ctx), all.rss(ctx)
	s.opened = func() {
		rep.Calls = calls(before, all.metrics(ctx))
		rep.RSS = float64(all.rss(ctx)-rss) / float64(c.Members)
		rep.Gateway = float64(all.rss(ctx)) / float64(c.Processes)
	}
	return s, r.measure(ctx, s)
}

// signed has the tokens of n clients, who hold theirs when they come.
func signed(token func(n int) (token, device string), n int) func(n int) (token, device string) {
	all, device := make([]string, n), ""
	for i := range all {
		all[i], device = token(i)
	}
	return func(n int) (string, string) { return all[n], device }
}

// greet has everybody come once, which makes their devices: members are there with their devices then. As many come at a time as
// gateways have room for.
func (r *run) greet(ctx context.Context, s *side, g *ground) error {
	c := *r.cfg
	for end := time.Now().Add(c.Within); g.Devices < r.cfg.Members; {
		begin, first := time.Now(), g.Devices
		c.Members = min(PerProcess*c.Processes, r.cfg.Members-first)
		some := *s
		some.token = func(n int) (token, device string) { return s.token(first + n) }
		f, err := r.fleetOf(ctx, &c, &some, nil, nil)
		if err != nil {
			return err
		}
		err = f.Open(ctx, c.Members, func(p live.Progress) {
			p.Phase, p.Done, p.Total = "devices", first+p.Done, r.cfg.Members
			r.tell(p)
		})
		if err = errors.Join(err, f.Close()); err != nil {
			return err
		}
		g.took += time.Since(begin)
		g.Devices += c.Members
		if err := g.keep(r.cfg); err != nil || (c.Within > 0 && time.Now().After(end)) {
			return err
		}
	}
	return nil
}

// loops measures the bare loops.
func (r *run) loops(ctx context.Context) (s *side, err error) {
	all := make([]*bare.Process, r.cfg.Processes)
	defer func() {
		for _, p := range all {
			if p != nil {
				err = errors.Join(err, p.Close())
			}
		}
	}()
	s = &side{name: "bare loops", urls: make([]string, len(all)), conv: bare.Conversation, next: bare.FirstSeq}
	for i := range all {
		if all[i], err = r.cfg.Bare(ctx); err != nil {
			return nil, err
		}
		s.urls[i] = all[i].URL()
	}
	mouth := &bare.Mouth{Process: all[0], More: all[1:]}
	s.token = func(int) (token, device string) { return "bare", "" }
	s.cpu = func() (sum time.Duration) {
		for _, p := range all {
			sum += p.CPU()
		}
		return sum
	}
	s.head = func(context.Context) (uint64, error) { return mouth.Next() - 1, nil }
	s.mouth = func(*load.Fleet) pump.Mouth { return mouth }
	return s, r.measure(ctx, s)
}
