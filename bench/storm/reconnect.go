package storm

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/throng-im/throng/bench/load"
	"github.com/throng-im/throng/bench/pump"
	"github.com/throng-im/throng/bench/report"
	"github.com/throng-im/throng/bench/target"
)

const (
	writers      = 10
	perSecond    = 5 // messages that are sent all the time
	backAtMost   = 4 * backWithin
	badPause     = 20 * time.Millisecond
	watchEvery   = 50 * time.Millisecond
	answeredIn   = 30 * time.Second
	seriesPoints = 600
)

// flow is a pump of the world's group, by a few of its members.
func (w *world) flow(cfg pump.Config) (p *pump.Pump, senders map[int]bool) {
	n := min(writers, w.cfg.Clients-1)
	senders = map[int]bool{}
	for i := range n {
		at := i * (w.cfg.Clients / n)
		cfg.Senders = append(cfg.Senders, at)
		senders[at] = true
	}
	cfg.Receivers, cfg.Size = w.cfg.Clients-1, w.cfg.Size
	return pump.New(cfg), senders
}

// reconnects kills the server under everybody and starts it again.
func (w *world) reconnects(ctx context.Context) (s Storm, err error) {
	p, senders := w.flow(pump.Config{Rate: perSecond})
	again := load.FullJitter()
	f, err := w.fleet(ctx, func(c *load.Config) {
		c.Driver, c.Again, c.Sends = p, again, func(n int) bool { return senders[n] }
	})
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	p.Start(pump.Server{Fleet: f, Conversation: uint64(w.conv)}, f.Now)
	defer p.Close()
	if err := f.During(ctx, "before", w.cfg.Quiet, w.tell, p.Err); err != nil {
		return s, err
	}
	before := f.Counts()
	if w.cfg.Bad {
		again = &load.Backoff{Base: badPause, Cap: badPause}
	}
	f.Behave(again, w.cfg.Clients)
	killed := time.Now()
	if err := w.cfg.Cut(ctx, w.srv); err != nil {
		return s, err
	}
	ready := time.Since(killed)
	cpu := w.srv.CPU(ctx)
	health := watchOver(ctx, w.srv)
	defer health.close()
	var back report.Line
	all := w.wait(ctx, "come back", backAtMost, func() (int, int) {
		c := f.Counts()
		n := int(min(c.Open, c.Opened-before.Opened)) // who has not noticed that it was cut off is not back
		if len(back.Points) < seriesPoints {
			back.Points = append(back.Points, report.Point{X: time.Since(killed).Seconds(), Y: float64(n)})
		}
		return n, w.cfg.Clients
	})
	took := time.Since(killed)
	health.close()
	used := w.srv.CPU(ctx) - cpu
	lost, err := w.settleGroup(ctx, f, p)
	if err != nil {
		return s, err
	}
	c := f.Counts()
	s = Storm{
		Scenario: fmt.Sprintf("%d sessions come back after kill -9", w.cfg.Clients), Clients: w.cfg.Clients, Health: health.health(),
		ReadyS: ready.Seconds(), BackS: took.Seconds(), MostTries: c.MostTries, Attempts: c.Attempts - before.Attempts,
		Pulls: c.Pulls, Refused: f.Reasons(), CPU: used.Seconds(),
		Reads: w.reads(ctx), plots: []report.Plot{
			{Title: "Sessions that are back", X: "seconds after the kill", Y: "sessions", Lines: []report.Line{back}}, health.plot(),
		},
	}
	s.wrong(&c, lost)
	if w.cfg.Bad {
		s.Scenario += ", all of them bad clients that do not wait"
	} else {
		s.judge(c.MostTries > mostTries, "a client needed %d tries", c.MostTries)
	}
	s.judge(!all || took > backWithin, "%d of %d were back after %.1f s", c.Open, w.cfg.Clients, took.Seconds())
	s.judgeHealth()
	return s, nil
}

// kill is what a storm of reconnects begins with.
func kill(ctx context.Context, s *target.Server) error {
	if err := s.Kill(); err != nil {
		return err
	}
	if err := s.Start(ctx); err != nil {
		return fmt.Errorf("start again: %w", err)
	}
	return nil
}

// settleGroup stops the flow and looks at every member of the group.
func (w *world) settleGroup(ctx context.Context, f *load.Fleet, p *pump.Pump) (lost int, err error) {
	p.Pause()
	w.wait(ctx, "answers", answeredIn, func() (int, int) {
		n, _ := p.Waiting()
		return -n, 0
	})
	if n, _ := p.Waiting(); n > 0 {
		return 0, fmt.Errorf("%d messages were not answered for %v", n, answeredIn)
	}
	if err := p.Err(); err != nil {
		return 0, err
	}
	head, err := w.srv.Head(ctx, w.people.IDs[0], w.conv)
	if err != nil {
		return 0, err
	}
	return f.Settle(ctx, load.UpTo(w.cfg.Clients, max(head, f.Highest())), w.tell), ctx.Err()
}
