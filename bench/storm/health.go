package storm

import (
	"context"
	"sync"
	"time"

	"github.com/throng-im/throng/bench/report"
	"github.com/throng-im/throng/bench/target"
)

const (
	healthEvery = 50 * time.Millisecond
	healthLimit = 10 * time.Second
)

// watch asks a server for its health all the time, each time over a connection of its own as a load balancer does, and looks at
// its memory.
type watch struct {
	stop chan struct{}
	done chan struct{}
	end  sync.Once

	answers *report.Histogram
	failed  int
	first   string
	peak    int64
	points  []report.Point
}

func watchOver(ctx context.Context, s *target.Server) *watch {
	w := &watch{stop: make(chan struct{}), done: make(chan struct{}), answers: report.NewHistogram()}
	go w.run(ctx, s, s.URL()+"/healthz") // ends with close
	return w
}

func (w *watch) run(ctx context.Context, s *target.Server, url string) {
	defer close(w.done)
	tick := time.NewTicker(healthEvery)
	defer tick.Stop()
	begin := time.Now()
	for {
		select {
		case <-tick.C:
		case <-w.stop:
			return
		}
		at := time.Now()
		ask, cancel := context.WithTimeout(ctx, healthLimit)
		_, err := target.Get(ask, url)
		cancel()
		took := time.Since(at)
		w.answers.Record(took)
		w.points = append(w.points, report.Point{X: at.Sub(begin).Seconds(), Y: float64(took.Microseconds()) / 1e3})
		if err != nil {
			if w.failed == 0 {
				w.first = err.Error()
			}
			w.failed++
		}
		w.peak = max(w.peak, s.RSS(ctx))
	}
}

// close ends it; after that it may be read.
func (w *watch) close() {
	w.end.Do(func() { close(w.stop) })
	<-w.done
}

// health is what it found.
func (w *watch) health() Health {
	l := w.answers.Latency()
	return Health{Checks: w.answers.Count(), Failed: w.failed, Failure: w.first, P99: l.P99, Max: l.Max}
}
