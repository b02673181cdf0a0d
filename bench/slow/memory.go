package slow

import (
	"context"
	"time"

	"github.com/throng-im/throng/bench/report"
	"github.com/throng-im/throng/bench/target"
)

const (
	lookEvery = 50 * time.Millisecond
	heapEvery = 10 // looks: the server has to write its whole page of metrics
	heapName  = "go_memstats_heap_inuse_bytes"
)

// memory watches the server's.
type memory struct {
	stop, done chan struct{}
	peak       int64
	heaps      []float64
}

// watchMemory begins to look. End it.
func watchMemory(ctx context.Context, s *target.Server) *memory {
	m := &memory{stop: make(chan struct{}), done: make(chan struct{})}
	go m.run(ctx, s) // ends with end
	return m
}

func (m *memory) run(ctx context.Context, s *target.Server) {
	defer close(m.done)
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for n := 0; ; n++ {
		m.peak = max(m.peak, s.RSS(ctx))
		if n%heapEvery == 0 {
			if v := s.Metrics(ctx).Sum(heapName); v > 0 {
				m.heaps = append(m.heaps, v)
			}
		}
		select {
		case <-tick.C:
		case <-m.stop:
			return
		}
	}
}

// end returns the peak of the resident memory and the median of the heap in use, in bytes; 0 where they are not known.
func (m *memory) end() (rss, heap float64) {
	close(m.stop)
	<-m.done
	return float64(m.peak), report.Median(m.heaps)
}
