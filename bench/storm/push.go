package storm

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/throng-im/throng/bench/load"
	"github.com/throng-im/throng/bench/pump"
	"github.com/throng-im/throng/bench/report"
)

const pushedWithin = 2 * time.Minute

// pushes sends many messages at once to everybody.
func (w *world) pushes(ctx context.Context) (s Storm, err error) {
	p, senders := w.flow(pump.Config{InFlight: w.cfg.Messages, Most: w.cfg.Messages})
	f, err := w.fleet(ctx, func(c *load.Config) { c.Driver, c.Sends = p, func(n int) bool { return senders[n] } })
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	pause(ctx, w.cfg.Quiet)
	rss, cpu, begin := w.srv.RSS(ctx), w.srv.CPU(ctx), time.Now()
	health := watchOver(ctx, w.srv)
	defer health.close()
	f.Measure(true)
	p.Measure(true)
	p.Start(pump.Server{Fleet: f, Conversation: uint64(w.conv)}, f.Now)
	defer p.Close()
	all := w.wait(ctx, "deliver", pushedWithin, func() (int, int) {
		waiting, flying := p.Waiting()
		return -waiting - flying, 0
	})
	took := time.Since(begin)
	health.close()
	f.Measure(false)
	used := w.srv.CPU(ctx) - cpu
	lost, err := w.settleGroup(ctx, f, p)
	if err != nil {
		return s, err
	}
	c := f.Counts()
	s = Storm{
		Scenario: fmt.Sprintf("%d messages at once to %d members", w.cfg.Messages, w.cfg.Clients), Clients: w.cfg.Clients,
		Health: health.health(), BackS: took.Seconds(), Deliveries: c.Entries, PerSecond: float64(c.Entries) / took.Seconds(),
		PeakBytes: max(health.peak-rss, 0), PeakPerMember: float64(max(health.peak-rss, 0)) / float64(w.cfg.Clients),
		Pulls: c.Pulls, Refused: f.Reasons(), CPU: used.Seconds(), Hints: c.Hints,
		plots: []report.Plot{
			{Title: "Latency of the deliveries", X: "percentile", Y: "ms", Tail: true, Lines: []report.Line{{Name: "to deliver", Points: f.Latencies().Curve()}}},
			health.plot(),
		},
	}
	l := f.Latencies().Latency()
	s.LatencyMS = &l
	s.wrong(&c, lost)
	s.judge(!all, "after %v not everybody had everything", pushedWithin)
	s.judgeHealth()
	return s, nil
}
