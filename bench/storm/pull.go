package storm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/throng-im/throng/bench/load"
	"github.com/throng-im/throng/bench/pump"
	"github.com/throng-im/throng/bench/report"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

const (
	pageEntries = 50
	pulledIn    = 2 * time.Minute
)

// puller asks for one page, again and again, and compares what it gets.
type puller struct {
	*pump.Pump

	f       *load.Fleet
	conv    uint64
	from    uint64
	most    int
	mu      sync.Mutex
	asked   int
	got     int
	unlike  int
	refused map[string]int64
	page    []byte
	began   map[uint64]int64
	took    *report.Histogram
}

// ask is called with mu held.
func (p *puller) ask(client int) {
	if p.asked >= p.most {
		return
	}
	p.asked++
	id := pullID + uint64(p.asked)
	p.began[id] = p.f.Now()
	p.f.Pull(client, id, p.conv, p.from, p.from+pageEntries-1, pageEntries)
}

// pullID is above the ids of the pump.
const pullID = 1 << 40

// Page implements load.Driver.
func (p *puller) Page(client int, id uint64, page []byte, now int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.page == nil {
		p.page = bytes.Clone(page)
	} else if !bytes.Equal(p.page, page) && !alike(p.page, page) {
		p.unlike++
	}
	p.took.Record(time.Duration(now - p.began[id]))
	delete(p.began, id)
	p.got++
	p.ask(client)
}

// alike reports whether two pages say the same, but for the client ids that only senders get.
func alike(a, b []byte) bool {
	var pages [2]throngv1.ListEntriesResponse
	for i, encoded := range [][]byte{a, b} {
		if proto.Unmarshal(encoded, &pages[i]) != nil {
			return false
		}
		for _, e := range pages[i].GetEntries() {
			e.ClientId = nil
		}
	}
	return proto.Equal(&pages[0], &pages[1])
}

// Refused implements load.Driver.
func (p *puller) Refused(client int, id uint64, r load.Refusal) {
	if id < pullID {
		p.Pump.Refused(client, id, r)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refused[r.Reason]++
	delete(p.began, id)
	p.got++
	p.ask(client)
}

// pulls makes everybody ask for the same page at the same moment.
func (w *world) pulls(ctx context.Context) (s Storm, err error) {
	inner, senders := w.flow(pump.Config{InFlight: 1, Most: 2 * pageEntries})
	p := &puller{
		Pump: inner, conv: uint64(w.conv), from: w.next, most: w.cfg.Pulls, refused: map[string]int64{}, began: map[uint64]int64{},
		took: report.NewHistogram(),
	}
	f, err := w.fleet(ctx, func(c *load.Config) { c.Driver, c.Sends = p, func(n int) bool { return senders[n] } })
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	p.f = f
	p.Start(pump.Server{Fleet: f, Conversation: uint64(w.conv)}, f.Now)
	defer p.Close()
	w.wait(ctx, "fill", pushedWithin, func() (int, int) {
		waiting, flying := p.Waiting()
		return -waiting - flying, 0
	})
	lost, err := w.settleGroup(ctx, f, inner)
	if err != nil {
		return s, err
	}
	pause(ctx, w.cfg.Quiet)
	reads, cpu, begin := w.reads(ctx), w.srv.CPU(ctx), time.Now()
	health := watchOver(ctx, w.srv)
	defer health.close()
	p.mu.Lock()
	for client := range min(w.cfg.Clients, w.cfg.Pulls) {
		p.ask(client)
	}
	p.mu.Unlock()
	all := w.wait(ctx, "pull", pulledIn, func() (int, int) {
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.got, p.most
	})
	took := time.Since(begin)
	health.close()
	used := w.srv.CPU(ctx) - cpu
	c := f.Counts()
	p.mu.Lock()
	defer p.mu.Unlock()
	l := p.took.Latency()
	s = Storm{
		Scenario: fmt.Sprintf("%d pulls of one page by %d clients", w.cfg.Pulls, w.cfg.Clients), Clients: w.cfg.Clients, Health: health.health(),
		BackS: took.Seconds(), Pages: int64(p.got), PerSecond: float64(p.got) / took.Seconds(), LatencyMS: &l,
		Unlike: int64(p.unlike), Refused: f.Reasons(), CPU: used.Seconds(),
		plots: []report.Plot{
			{Title: "Latency of the pages", X: "percentile", Y: "ms", Tail: true, Lines: []report.Line{{Name: "page", Points: p.took.Curve()}}},
			health.plot(),
		},
	}
	s.wrong(&c, lost)
	s.judge(!all, "%d of %d pages came in %v", p.got, p.most, pulledIn)
	s.judge(p.unlike > 0, "%d pages differ from the first", p.unlike)
	if after := w.reads(ctx); after != nil {
		s.Reads = after.minus(reads)
		s.judge(s.Reads["entries"] > mostReads, "%d reads of the store for one page", s.Reads["entries"])
	}
	s.judgeHealth()
	return s, nil
}

// reads are how often the server has read its log for pages, by what was read; nil where it does not tell.
func (w *world) reads(ctx context.Context) reads {
	m := w.srv.Metrics(ctx)
	const name = "throng_message_reads_total"
	out := reads{}
	for _, what := range []string{"head", "member", "entries"} {
		if v, ok := m[name+`{what="`+what+`"}`]; ok {
			out[what] = int64(v)
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

// reads by what was read.
type reads map[string]int64

func (r reads) minus(before reads) map[string]int64 {
	out := map[string]int64{}
	for what, n := range r {
		out[what] = n - before[what]
	}
	return out
}
