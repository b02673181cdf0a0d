package slow

import (
	"context"
	"time"

	"github.com/throng-im/throng/bench/report"
	"github.com/throng-im/throng/bench/target"
)

const (
	lookEvery   = 50 * time.Millisecond
	pageEvery   = 10 // looks: the server has to write its whole page of metrics
	heapName    = "go_memstats_heap_inuse_bytes"
	waitingName = "throng_gateway_waiting_bytes"
)

// memoryOf a part is the peak of the resident memory, the median of the heap in use, and the peak of what waited for receivers, in bytes; 0
// where they are not known.
type memoryOf struct{ rss, heap, waiting float64 }

// memory watches the server's.
type memory struct {
	stop, done chan struct{}
	seen       memoryOf
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
		m.seen.rss = max(m.seen.rss, float64(s.RSS(ctx)))
		if n%pageEvery == 0 {
			page := s.Metrics(ctx)
			if v := page.Sum(heapName); v > 0 {
				m.heaps = append(m.heaps, v)
			}
			m.seen.waiting = max(m.seen.waiting, page.Sum(waitingName))
		}
		select {
		case <-tick.C:
		case <-m.stop:
			return
		}
	}
}

// end returns what was seen.
func (m *memory) end() memoryOf {
	close(m.stop)
	<-m.done
	m.seen.heap = report.Median(m.heaps)
	return m.seen
}
