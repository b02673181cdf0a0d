package bench

import (
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

const (
	shards   = 8
	maxValue = int64(2 * time.Minute / time.Microsecond)
	figures3 = 3 // significant digits
)

// histogram counts microseconds; peers spread over its shards, so that they do not wait for each other.
type histogram struct {
	shards [shards]struct {
		mu sync.Mutex
		h  *hdrhistogram.Histogram
		_  [40]byte // shards on cache lines of their own
	}
}

func newHistogram() *histogram {
	h := &histogram{}
	for i := range h.shards {
		h.shards[i].h = hdrhistogram.New(1, maxValue, figures3)
	}
	return h
}

func (h *histogram) record(who int, d time.Duration) {
	s := &h.shards[who%shards]
	us := min(max(int64(d/time.Microsecond), 1), maxValue)
	s.mu.Lock()
	_ = s.h.RecordValue(us)
	s.mu.Unlock()
}

func (h *histogram) sum() *hdrhistogram.Histogram {
	all := hdrhistogram.New(1, maxValue, figures3)
	for i := range h.shards {
		h.shards[i].mu.Lock()
		all.Merge(h.shards[i].h)
		h.shards[i].mu.Unlock()
	}
	return all
}

// Latency is a distribution in milliseconds.
type Latency struct {
	P50 float64 `json:"p50"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
}

func (h *histogram) latency() Latency {
	const ms = 1000
	all := h.sum()
	return Latency{
		P50: float64(all.ValueAtQuantile(50)) / ms, P99: float64(all.ValueAtQuantile(99)) / ms, Max: float64(all.Max()) / ms,
	}
}
