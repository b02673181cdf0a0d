package fanout

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/throng-im/throng/bench/inside"
	"github.com/throng-im/throng/bench/load"
	"github.com/throng-im/throng/bench/report"
	"github.com/throng-im/throng/bench/target"
)

const (
	watchEvery    = 100 * time.Millisecond
	insideOpening = 8_192
)

// inside has the server started in this process, and the side's fleet connect without sockets.
func (r *run) inside(o *target.Options, s *side) {
	var app *inside.App
	o.Inside = func(ctx context.Context, settings []string) (target.Inside, error) {
		a, err := inside.Start(ctx, settings)
		if err != nil {
			return nil, err
		}
		app = a
		return a, nil
	}
	s.fleet = func(_ context.Context, c load.Config) (*load.Fleet, error) {
		c.Loops = runtime.GOMAXPROCS(0) // as many as the server has by itself
		c.Heartbeat, c.Opening = -1, insideOpening
		token := c.Token
		f, err := load.NewInside(c, func(client int, sink load.Sink) (load.Line, error) {
			t, device := token(client)
			return app.Open(t, device, sink, uint64(client))
		})
		if r.watch == nil {
			r.watch = newWatch()
		}
		return f, err
	}
}

// watch looks at this process.
type watch struct {
	stop chan struct{}
	done chan struct{}
	end  sync.Once
	peak atomic.Int64

	since report.Pauses

	// Known when everybody is there, and when it is closed.
	opening, online pauses
}

// pauses are those of the collector in a part of the run.
type pauses struct {
	longest time.Duration
	n       uint64
}

func newWatch() *watch {
	w := &watch{stop: make(chan struct{}), done: make(chan struct{}), since: report.ReadPauses()}
	go w.run() // ends with close
	return w
}

func (w *watch) run() {
	defer close(w.done)
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		w.peak.Store(max(w.peak.Load(), report.RSS("self")))
		select {
		case <-tick.C:
		case <-w.stop:
			return
		}
	}
}

// part are the pauses since the last part.
func (w *watch) part() (p pauses) {
	now := report.ReadPauses()
	p.longest, p.n = now.Longest(w.since)
	w.since = now
	return p
}

func (w *watch) close() {
	w.end.Do(func() {
		close(w.stop)
		<-w.done
		w.online = w.part()
	})
}
