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

// How the garbage collector is set, from what is alive: see percentOf and heap.rests.
const (
	collectorEvery = 5 * time.Second
	// mostPercent trades a little memory for less collecting: the heap of a usual server is small against its caches. Large heaps may have
	// mostGarbage, down to leastPercent.
	mostPercent  = 150
	leastPercent = 50
	mostGarbage  = 512 << 20
	percentStep  = 10 // what is set anew by less stays: each setting stops the world for a moment
	// leastBack is what is worth giving back to the system.
	leastBack = 8 << 20
)

// Collector keeps the process's memory in proportion to what is alive: garbage has a bound however large the heap is, and what a
// storm has left goes back to the system once the server is at rest. It is the process's, so who starts a server in one starts it, one
// at a time. GOMEMLIMIT has the last word where it is set; where GOGC is, the collector is left as it is.
type Collector struct {
	log   *slog.Logger
	stop  context.CancelFunc
	done  chan struct{} // nil where GOGC is set
	gc    int           // before
	limit int64         // before

	// owned by run
	percent int
	allocs  uint64 // at the last look
	back    uint64 // allocs when memory was given back last
	samples []metrics.Sample
}

// NewCollector sets the collector by the sizes; end it with Close.
func NewCollector(s *config.Sizes, log *slog.Logger) *Collector {
	ctx, stop := context.WithCancel(context.Background())
	c := &Collector{
		log: log, stop: stop, limit: debug.SetMemoryLimit(-1), percent: mostPercent,
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
	if os.Getenv("GOGC") == "" {
		c.gc = debug.SetGCPercent(mostPercent)
		c.done = make(chan struct{})
		go c.run(ctx) // ends with Close
	}
	return c
}

// Close sets the collector as it was.
func (c *Collector) Close() {
	c.stop()
	if c.done != nil {
		<-c.done
		debug.SetGCPercent(c.gc)
	}
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
	live, allocs, objects := value(0), value(1), value(2)
	h := heap{live: live, lately: allocs - c.allocs, since: allocs - c.back, free: objects - min(live, objects) + value(3) + value(4)}
	c.allocs = allocs
	if p := percentOf(live); p >= c.percent+percentStep || p <= c.percent-percentStep {
		debug.SetGCPercent(p)
		c.percent = p
		c.log.Debug("the garbage collector was set", "live_bytes", live, "percent", p)
	}
	if h.rests() {
		c.back = allocs
		debug.FreeOSMemory()
		c.log.Debug("free memory went back to the system", "live_bytes", live, "free_bytes", h.free)
	}
}

// percentOf is how much garbage there may be before it is collected, as a share of what is alive.
func percentOf(live uint64) int {
	return int(min(max(mostGarbage*100/max(live, 1), leastPercent), mostPercent))
}

// heap is what a look finds, in bytes: what was alive after the last collection, what was allocated since the last look and since memory
// was given back last, and what is garbage or free.
type heap struct{ live, lately, since, free uint64 }

// rests reports that memory should go back to the system: the server allocates little, there is something to give back, and the
// collection that it takes would come soon anyway. To do it more often was measured to save nothing.
func (h *heap) rests() bool {
	return h.lately <= h.live/2 && h.since >= h.live && h.free >= max(h.live/4, leastBack)
}
