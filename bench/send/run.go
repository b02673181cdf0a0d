package send

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/throng-im/throng/bench/live"
	"github.com/throng-im/throng/bench/report"
	"github.com/throng-im/throng/bench/target"
	"github.com/throng-im/throng/bench/text"
	"github.com/throng-im/throng/client"
)

const (
	drainAcks       = 10 * time.Second // for answers to what was sent
	drainDeliveries = 3 * time.Second  // without a further delivery
	progressEvery   = 200 * time.Millisecond
	heartbeatEvery  = 20 * time.Second
	pollEvery       = 10 * time.Millisecond
)

// run is one run.
type run struct {
	// Immutable once the peers are started.
	cfg     *Config
	plan    *plan
	prose   text.Prose
	tell    live.Func
	users   []client.UserID
	tokens  []string
	convs   []client.ConversationID
	peers   []*peer
	senders []*sender
	begin   time.Time
	nonce   [16]byte

	acks, first, deliveries *report.Shared

	// Atomic.
	stopped   atomic.Bool
	paused    atomic.Bool // nothing new is sent
	open      atomic.Bool // the loop is open: messages are due by the clock
	measuring atomic.Bool
	acked     atomic.Int64 // all that were acknowledged
	measured  atomic.Int64 // those in the measured part
	waiting   atomic.Int64 // sent and not answered
	expected  atomic.Int64 // deliveries that the acknowledged ones make
	delivered atomic.Int64
	inWindow  atomic.Int64 // deliveries in the measured part
	overhead  atomic.Int64 // their bytes beyond the texts
	cold      []atomic.Bool
	tally     tally

	mu     sync.Mutex
	errs   map[string]int
	failed chan error
}

// tally counts what should not be.
type tally struct {
	duplicate, disordered, damaged, echoed, hints, pulled atomic.Int64
}

// Run puts a server under load and checks every delivery. progress may be nil; it is called from one goroutine at a
// time. The report is whole even where messages were lost; the error is for what kept the run from its end.
func Run(ctx context.Context, cfg Config, progress live.Func) (Report, error) {
	if err := cfg.complete(); err != nil {
		return Report{}, err
	}
	if progress == nil {
		progress = live.Silent
	}
	r := &run{
		cfg: &cfg, plan: newPlan(&cfg), prose: text.NewProse(), tell: progress, failed: make(chan error, 1), errs: map[string]int{},
		acks: report.NewShared(), first: report.NewShared(), deliveries: report.NewShared(), begin: time.Now(),
		cold: make([]atomic.Bool, cfg.Conversations),
	}
	srv, err := target.Open(ctx, target.Options{
		URL: cfg.URL, Key: cfg.Key, Metrics: cfg.Metrics, Binary: cfg.Binary, Folder: cfg.Folder,
		Prepare:  func(ctx context.Context, s *target.Server) error { return preload(ctx, r, s) },
		Starting: func() { r.tell(live.Progress{Phase: "start"}) },
	})
	if err != nil {
		return Report{}, err
	}
	rep, err := r.against(ctx, srv)
	return rep, errors.Join(err, srv.Close())
}

func (r *run) against(ctx context.Context, srv *target.Server) (Report, error) {
	if err := r.setUp(ctx, srv); err != nil {
		return Report{}, fmt.Errorf("set up: %w", err)
	}
	if err := r.connect(ctx, srv.URL()); err != nil {
		return Report{}, fmt.Errorf("connect: %w", err)
	}
	var readers sync.WaitGroup
	for _, p := range r.peers {
		readers.Go(p.read) // ends when its link is closed
	}
	defer func() {
		for _, p := range r.peers {
			p.close()
		}
		readers.Wait()
	}()
	w, err := r.load(ctx, srv)
	if err != nil {
		return Report{}, err
	}
	lost := r.settle(ctx)
	return r.report(srv, w, lost), nil
}

// window is the measured part.
type window struct {
	took              time.Duration
	serverCPU, ownCPU time.Duration
	acked, deliveries int64
}

// load runs the warm-up and the measured part and waits for the answers.
func (r *run) load(ctx context.Context, srv *target.Server) (window, error) {
	stop := make(chan struct{})
	var helpers sync.WaitGroup
	helpers.Go(func() { r.heartbeats(stop) })
	defer func() {
		close(stop)
		helpers.Wait()
	}()
	if err := r.fill(ctx); err != nil {
		return window{}, err
	}
	r.startSenders(&helpers, stop)
	if err := r.phase(ctx, "warm-up", r.cfg.Warmup); err != nil {
		return window{}, err
	}
	var w window
	server0, own0, begin := srv.CPU(ctx), report.OwnCPU(), time.Now()
	r.measuring.Store(true)
	err := r.phase(ctx, "measure", r.cfg.Duration)
	r.measuring.Store(false)
	w.took = time.Since(begin)
	w.serverCPU, w.ownCPU = srv.CPU(ctx)-server0, report.OwnCPU()-own0
	w.acked, w.deliveries = r.measured.Load(), r.inWindow.Load()
	r.stopped.Store(true)
	return w, err
}

// fill preloads a server that runs anyway: in a closed loop, with real sends.
func (r *run) fill(ctx context.Context) error {
	if r.cfg.Preload == 0 || r.cfg.URL == "" {
		return nil
	}
	r.firstSends()
	tick := time.NewTicker(progressEvery)
	defer tick.Stop()
	for r.acked.Load() < int64(r.cfg.Preload) {
		select {
		case <-tick.C:
			r.tell(live.Progress{Phase: "preload", Done: int(r.acked.Load()), Total: r.cfg.Preload})
		case err := <-r.failed:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	r.paused.Store(true)
	r.until(ctx, drainAcks, func() bool { return r.waiting.Load() == 0 })
	r.paused.Store(false)
	return nil
}

func (r *run) phase(ctx context.Context, name string, d time.Duration) error {
	end := time.NewTimer(d)
	defer end.Stop()
	tick := time.NewTicker(progressEvery)
	defer tick.Stop()
	begin, last, lastAt := time.Now(), r.acked.Load(), time.Now()
	for {
		select {
		case <-end.C:
			return nil
		case <-tick.C:
			n, now := r.acked.Load(), time.Now()
			r.tell(live.Progress{
				Phase: name, Done: int(now.Sub(begin).Milliseconds()), Total: int(d.Milliseconds()),
				Rate: float64(n-last) / now.Sub(lastAt).Seconds(),
			})
			last, lastAt = n, now
		case err := <-r.failed:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// settle waits for the answers and deliveries that are on their way, pulls what is missing, and returns what is lost.
func (r *run) settle(ctx context.Context) int {
	r.tell(live.Progress{Phase: "drain"})
	r.until(ctx, drainAcks, func() bool { return r.waiting.Load() == 0 })
	for last := int64(-1); last != r.delivered.Load(); {
		last = r.delivered.Load()
		r.until(ctx, drainDeliveries, func() bool { return r.delivered.Load() >= r.expected.Load() })
	}
	if r.lacking(nil) == 0 {
		return 0
	}
	for _, p := range r.peers {
		for _, g := range r.plan.of[p.index] {
			if r.lacking(&spot{p, g}) > 0 {
				p.pullAll(r.convs[g])
			}
		}
	}
	last := int64(-1)
	for last != r.delivered.Load() {
		last = r.delivered.Load()
		r.until(ctx, time.Second, func() bool { return r.delivered.Load() >= r.expected.Load() })
	}
	return r.lacking(nil)
}

func (r *run) until(ctx context.Context, d time.Duration, ok func() bool) {
	end := time.Now().Add(d)
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for !ok() && time.Now().Before(end) && ctx.Err() == nil {
		<-tick.C
	}
}

type spot struct {
	p *peer
	g int
}

// lacking counts what receivers lack of what was acknowledged: at one spot, or at all.
func (r *run) lacking(at *spot) int {
	n := 0
	for _, s := range r.senders {
		s.p.mu.Lock()
		for i, g := range s.groups {
			if at != nil && g != at.g {
				continue
			}
			for _, u := range r.plan.groups[g].online {
				if p := r.peers[u]; p != s.p && (at == nil || at.p == p) {
					n += p.lacks(r.convs[g], s.id, s.acked[i])
				}
			}
		}
		s.p.mu.Unlock()
	}
	return n
}

func (r *run) heartbeats(stop <-chan struct{}) {
	tick := time.NewTicker(heartbeatEvery)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return
		case <-tick.C:
			for _, p := range r.peers {
				p.heartbeat()
			}
		}
	}
}

func (r *run) fail(err error) {
	if r.stopped.Load() && errors.Is(err, errEnded) {
		return
	}
	select {
	case r.failed <- err:
	default:
	}
}

func (r *run) refused(reason string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.errs[reason]++
}

func (r *run) now() int64 { return int64(time.Since(r.begin)) }
