package app

import (
	"context"
	"log/slog"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"

	"github.com/throng-im/throng/internal/config"
)

// How the garbage collector is set, from what is alive: see [collector.percent].
const (
	collectorEvery = 5 * time.Second
	// mostPercent trades a little memory for less collecting: the heap of a usual server is small against its caches. Large heaps may have
	// mostGarbage, down to leastPercent.
	mostPercent  = 150
	leastPercent = 50
	mostGarbage  = 512 << 20
	percentStep  = 10 // what is set anew by less stays: each setting stops the world for a moment
	// A server is at rest when it allocates less than half of what is alive within collectorEvery; then what is free goes back to the system,
	// where it is worth it: a quarter of what is alive, and restBytes at least.
	restBytes = 4 << 20
)

// Collector keeps the process's memory in proportion to what is alive: garbage has a bound however large the heap is, and what a
// storm has left goes back to the system once the server is at rest. It is the process's, so who starts a server in one starts it.
// GOGC and GOMEMLIMIT, where they are set, have the last word.
type Collector struct {
	log      *slog.Logger
	stop     context.CancelFunc
	done     chan struct{}
	gc       int
	limit    int64
	percent  int // 0: not ours
	allocs   uint64
	released uint64 // allocs when memory was given back last: not again before a good part of what is alive was allocated anew
	samples  []metrics.Sample
}

// NewCollector sets the collector by the sizes; end it with Close.
func NewCollector(s *config.Sizes, log *slog.Logger) *Collector {
	ctx, stop := context.WithCancel(context.Background())
	c := &Collector{
		log: log, stop: stop, done: make(chan struct{}), limit: debug.SetMemoryLimit(-1), percent: mostPercent,
		samples: []metrics.Sample{
			{Name: "/gc/heap/live:bytes"},
			{Name: "/gc/heap/allocs:bytes"},
			{Name: "/memory/classes/heap/objects:bytes"},
			{Name: "/memory/classes/heap/free:bytes"},
			{Name: "/memory/classes/heap/unused:bytes"},
		},
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(s.Limit)
	}
	c.gc = debug.SetGCPercent(mostPercent)
	if os.Getenv("GOGC") != "" {
		debug.SetGCPercent(c.gc)
		c.percent = 0
	}
	go c.run(ctx)
	return c
}

// Close sets the collector as it was.
func (c *Collector) Close() {
	c.stop()
	<-c.done
	debug.SetGCPercent(c.gc)
	debug.SetMemoryLimit(c.limit)
}

func (c *Collector) run(ctx context.Context) {
	defer close(c.done)
	tick := time.NewTicker(collectorEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			c.step()
		case <-ctx.Done():
			return
		}
	}
}

func (c *Collector) step() {
	metrics.Read(c.samples)
	value := func(i int) uint64 { return c.samples[i].Value.Uint64() }
	live, allocs, objects, free := value(0), value(1), value(2), value(3)+value(4)
	if p := percentOf(live); c.percent != 0 && (p >= c.percent+percentStep || p <= c.percent-percentStep) {
		debug.SetGCPercent(p)
		c.percent = p
		c.log.Debug("the garbage collector was set", "live_bytes", live, "percent", p)
	}
	busy := allocs-c.allocs > live/2
	c.allocs = allocs
	garbage := objects - min(live, objects) + free
	fresh := live / 4
	if live > mostGarbage/2 {
		fresh = live / 2 // a collection takes long: no more of them than there would be anyway
	}
	if busy || allocs-c.released < fresh || garbage < max(live/4, restBytes) {
		return
	}
	c.released = allocs
	debug.FreeOSMemory()
	c.log.Debug("free memory went back to the system", "live_bytes", live, "free_bytes", garbage)
}

// percentOf is how much garbage there may be before it is collected, as a share of what is alive.
func percentOf(live uint64) int {
	return int(min(max(mostGarbage*100/max(live, 1), leastPercent), mostPercent))
}
