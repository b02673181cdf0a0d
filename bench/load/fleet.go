package load

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/throng-im/throng/bench/live"
	"github.com/throng-im/throng/bench/report"
	"github.com/throng-im/throng/client/link"
)

// Fleet is the clients as one.
type Fleet struct {
	// Immutable after construction.
	cfg   Config
	begin time.Time
	parts []part
	end   func() error // once

	// Owned by who calls Measure and Moments.
	windows []window // measured parts
}

// window is a measured part; to is 0 while it goes on.
type window struct{ from, to int64 }

// part owns some of the clients.
type part interface {
	// lock gives the core to the caller until unlock.
	lock() *core
	unlock()
	// want opens the first n of its clients.
	want(n int)
	// send hands a request over; it does not wait.
	send(p post)
	// close ends it with all its clients.
	close() error
}

const (
	pollEvery = 20 * time.Millisecond
	tellEvery = 200 * time.Millisecond
	healAgain = 200 * time.Millisecond // for who asked in vain
)

// New makes a fleet that reaches its server over sockets. Its clients are opened by Open. Close it.
func New(ctx context.Context, cfg Config) (*Fleet, error) {
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	f := &Fleet{cfg: cfg, begin: time.Now()}
	urls := cfg.URLs
	if len(urls) == 0 {
		urls = []string{cfg.URL}
	}
	places := make([]place, len(urls))
	for i, u := range urls {
		var err error
		if places[i], err = resolve(ctx, u); err != nil {
			return nil, err
		}
	}
	for id := range cfg.Loops {
		l, err := newLoop(f, id, places[id%len(places)])
		if err != nil {
			f.start()
			_ = f.closeAll()
			return nil, fmt.Errorf("make a loop: %w", err)
		}
		f.parts = append(f.parts, l)
	}
	f.end = sync.OnceValue(f.closeAll)
	f.start()
	return f, nil
}

// start starts the loops when all of them are there: whoever gets descriptors of its own still has what wakes the others.
func (f *Fleet) start() {
	for _, p := range f.parts {
		if l, ok := p.(interface{ start() }); ok {
			l.start()
		}
	}
}

// Close ends all clients.
func (f *Fleet) Close() error { return f.end() }

func (f *Fleet) closeAll() (err error) {
	for _, p := range f.parts {
		if cerr := p.close(); err == nil {
			err = cerr
		}
	}
	return err
}

// Now is the time that the fleet goes by: nanoseconds since it began.
func (f *Fleet) Now() int64 { return int64(time.Since(f.begin)) }

// Open opens the first n clients and waits until they are. It fails where none more got in for a while.
func (f *Fleet) Open(ctx context.Context, n int, tell live.Func) error {
	const patience = 20 * time.Second
	filled := 0 // parts that were told to open their clients
	fill := func() {
		busy := 0
		for id, p := range f.parts {
			want := (n - id + len(f.parts) - 1) / len(f.parts)
			if id >= filled {
				if busy >= f.cfg.Filling {
					return
				}
				p.want(want)
				filled++
			}
			l := p.lock()
			if l.counts.Open < int64(want) {
				busy++
			}
			p.unlock()
		}
	}
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	begin, last, moved, told := time.Now(), int64(0), time.Now(), time.Time{}
	for {
		fill()
		now := f.Counts().Open
		if time.Since(told) >= tellEvery || now >= int64(n) {
			told = time.Now()
			tell(live.Progress{Phase: "connect", Done: int(now), Total: n, Rate: float64(now) / time.Since(begin).Seconds()})
		}
		if now >= int64(n) {
			return nil
		}
		if now > last {
			last, moved = now, time.Now()
		}
		if time.Since(moved) > patience {
			return fmt.Errorf("%d of %d clients are connected, and none more for %v; refused: %v", now, n, patience, f.Reasons())
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Send sends a text as a client. The driver hears of it under id.
func (f *Fleet) Send(client int, id, conv uint64, clientID *[16]byte, text []byte) {
	f.post(client, id, link.AppendSend(nil, id, conv, clientID, text))
}

// Pull asks for entries as a client. The driver gets the page under id.
func (f *Fleet) Pull(client int, id, conv, from, to uint64, limit uint32) {
	f.part(client).send(post{f.index(client), id | idPull, pull(id|idPull, conv, from, to, limit)})
}

// Hold keeps a Slow client from reading its socket, or lets it go on. That it lost its connection meanwhile it notices then.
func (f *Fleet) Hold(client int, on bool) {
	if h, ok := f.part(client).(interface{ hold(i int32, on bool) }); ok {
		h.hold(f.index(client), on)
	}
}

func (f *Fleet) post(client int, id uint64, frame []byte) {
	f.part(client).send(post{f.index(client), id, seal(nil, opBinary, frame)})
}

func (f *Fleet) part(client int) part   { return f.parts[client%len(f.parts)] }
func (f *Fleet) index(client int) int32 { return int32(client / len(f.parts)) }
func (f *Fleet) each(do func(l *core)) {
	for _, p := range f.parts {
		do(p.lock())
		p.unlock()
	}
}

// Behave changes how clients come back that lose their connection from now on, and how many of them may be connecting at once. The
// count of their tries begins anew.
func (f *Fleet) Behave(again *Backoff, opening int) {
	f.each(func(l *core) { l.again, l.opening, l.counts.MostTries = again, max(opening/len(f.parts), 1), 0 })
}

// Measure begins or ends a measured part. The deliveries until now belong to what was before.
func (f *Fleet) Measure(on bool) {
	now := f.Now()
	f.each(func(l *core) {
		l.settle(now)
		l.measuring = on
	})
	if on {
		f.windows = append(f.windows, window{from: now})
	} else if n := len(f.windows); n > 0 {
		f.windows[n-1].to = now
	}
}

// Clear forgets what was measured until now, but for the series and for what was wrong.
func (f *Fleet) Clear() {
	f.each(func(l *core) {
		l.memory.flushFrames(l)
		c := &l.counts
		c.Entries, c.Frames, c.Bytes, c.TextBytes = 0, 0, 0, 0
		l.hist.Reset()
	})
}

// Counts are what the clients saw until now.
func (f *Fleet) Counts() (sum Counts) {
	f.each(func(l *core) {
		l.memory.flushFrames(l)
		sum.Add(&l.counts)
	})
	return sum
}

// Reasons are refusals and closings by their words.
func (f *Fleet) Reasons() map[string]int64 {
	sum := map[string]int64{}
	f.each(func(l *core) {
		for r, n := range l.reasons {
			sum[r] += n
		}
	})
	return sum
}

// Highest is the highest seq that any client knows of.
func (f *Fleet) Highest() (seq uint64) {
	f.each(func(l *core) { seq = max(seq, l.highest) })
	return seq
}

// Lacking is how many entries the clients do not have, all together. heads says up to which seq each is to have its conversation.
func (f *Fleet) Lacking(heads func(client int) uint64) (lacking int) {
	f.lacking(heads, func(_ *core, _ int32, n int) { lacking += n })
	return lacking
}

// lacking tells who lacks something, and how much.
func (f *Fleet) lacking(heads func(client int) uint64, tell func(l *core, i int32, n int)) {
	f.each(func(l *core) {
		for i := range l.conns {
			head := heads(l.client(int32(i)))
			if c := &l.conns[i]; head > 0 && c.conv != 0 {
				if n := l.lacks(int32(i), c, head); n > 0 {
					tell(l, int32(i), n)
				}
			}
		}
	})
}

// UpTo is the same head for the first n clients, for Settle and Lacking.
func UpTo(n int, head uint64) func(client int) uint64 {
	return func(client int) uint64 {
		if client < n {
			return head
		}
		return 0
	}
}

// Settle waits until the clients have everything up to their heads, and makes them ask for what does not come by itself. It
// returns how much they still lack when nothing moves any more.
func (f *Fleet) Settle(ctx context.Context, heads func(client int) uint64, tell live.Func) int {
	const share = 5
	patience := f.cfg.Patience / share
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	first, last, moved, asked := -1, -1, time.Now(), time.Now()
	for {
		left := f.Lacking(heads)
		if left == 0 {
			return 0
		}
		if left != last {
			moved, last, first = time.Now(), left, max(first, left)
		}
		tell(live.Progress{Phase: "settle", Done: first - left, Total: first})
		if time.Since(moved) > patience && time.Since(asked) > patience {
			asked = time.Now()
			f.lacking(heads, func(l *core, i int32, _ int) { l.out.later(i) })
		}
		if time.Since(moved) > f.cfg.Patience {
			return left
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return left
		}
	}
}

// Latencies are those of the measured part.
func (f *Fleet) Latencies() *report.Histogram {
	sum := report.NewHistogram()
	f.each(func(l *core) {
		l.memory.flushFrames(l)
		sum.Merge(l.hist)
	})
	return sum
}

// Moments are the measured parts over time; the time between them is left out.
func (f *Fleet) Moments() []report.Moment {
	sum := map[int64]*report.Histogram{}
	f.each(func(l *core) {
		l.series.settle(-1)
		for at, h := range l.series.moments {
			if sum[at] == nil {
				sum[at] = report.NewCoarse()
			}
			sum[at].Merge(h)
		}
	})
	const least = 0.25 // of a step that has to be measured for its rate to mean something
	out, seconds := make([]report.Moment, 0, len(sum)), 0.0
	for _, at := range slices.Sorted(maps.Keys(sum)) {
		h, covered := sum[at], f.covered(at)
		seconds += covered
		if covered == 0 || len(out) > 0 && covered < least*f.cfg.Step.Seconds() {
			continue
		}
		out = append(out, report.Moment{Seconds: seconds, Rate: float64(h.Count()) / covered, Latency: h.Latency()})
	}
	return out
}

// covered is how many seconds of a step were measured.
func (f *Fleet) covered(at int64) (seconds float64) {
	from, to := at*int64(f.cfg.Step), (at+1)*int64(f.cfg.Step)
	for _, w := range f.windows {
		if w.to == 0 {
			w.to = to
		}
		seconds += time.Duration(max(min(to, w.to)-max(from, w.from), 0)).Seconds()
	}
	return seconds
}

// During shows how a phase goes until it is over. check is asked now and then, and ends it with its error.
func (f *Fleet) During(ctx context.Context, phase string, d time.Duration, tell live.Func, check func() error) error {
	tick := time.NewTicker(tellEvery)
	defer tick.Stop()
	end := time.NewTimer(d)
	defer end.Stop()
	begin, last, at := time.Now(), f.Counts().Entries, time.Now()
	for {
		select {
		case <-end.C:
			return check()
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		if err := check(); err != nil {
			return err
		}
		n, now := f.Counts().Entries, time.Now()
		p := live.Progress{
			Phase: phase, Done: int(now.Sub(begin).Milliseconds()), Total: int(d.Milliseconds()), Rate: float64(n-last) / now.Sub(at).Seconds(),
		}
		p.P50, p.P99 = f.late()
		tell(p)
		last, at = n, now
	}
}

// patience is how long DuringUntil goes on for want of a figure.
const patience = 30 * time.Second

// DuringUntil is During, again for as long as enough says no, within reason: on a machine that is slow, or with a crowd that is
// large, a part must not end without a figure.
func (f *Fleet) DuringUntil(ctx context.Context, phase string, d time.Duration, tell live.Func, check func() error, enough func() bool) error {
	for begin := time.Now(); ; {
		if err := f.During(ctx, phase, d, tell, check); err != nil {
			return err
		}
		if enough() || time.Since(begin) > patience {
			return nil
		}
	}
}

// late are latencies of the last moment.
func (f *Fleet) late() (p50, p99 float64) {
	sum := report.NewCoarse()
	f.each(func(l *core) {
		if l.series.last != nil {
			sum.Merge(l.series.last)
		}
	})
	return sum.At(50), sum.At(99)
}
