package report

import (
	"math"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

const (
	shards   = 8
	maxValue = int64(2 * time.Minute / time.Microsecond)
	figures3 = 3 // significant digits
	usPerMS  = 1000
)

// Shared is a histogram for many goroutines, which spread over its shards, so that they do not wait for each other.
type Shared struct {
	shards [shards]struct {
		mu sync.Mutex
		h  *Histogram
		_  [40]byte // shards on cache lines of their own
	}
}

// NewShared makes an empty one.
func NewShared() *Shared {
	h := &Shared{}
	for i := range h.shards {
		h.shards[i].h = NewHistogram()
	}
	return h
}

// Record counts d; who picks the shard.
func (h *Shared) Record(who int, d time.Duration) {
	s := &h.shards[who%shards]
	s.mu.Lock()
	s.h.Record(d)
	s.mu.Unlock()
}

// Sum returns a copy of all that was recorded.
func (h *Shared) Sum() *Histogram {
	all := NewHistogram()
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

// Histogram counts durations from a microsecond to two minutes with three significant digits. It has one owner.
type Histogram struct{ h *hdrhistogram.Histogram }

// NewHistogram makes an empty one.
func NewHistogram() *Histogram { return &Histogram{hdrhistogram.New(1, maxValue, figures3)} }

// Record counts d; what lies outside of the range is counted at its end.
func (h *Histogram) Record(d time.Duration) { h.RecordMany(d, 1) }

// RecordMany counts d n times.
func (h *Histogram) RecordMany(d time.Duration, n int64) {
	_ = h.h.RecordValues(min(max(int64(d/time.Microsecond), 1), maxValue), n)
}

// Merge adds what other counted.
func (h *Histogram) Merge(other *Histogram) { h.h.Merge(other.h) }

// Reset forgets everything.
func (h *Histogram) Reset() { h.h.Reset() }

// Count is how many durations were counted.
func (h *Histogram) Count() int64 { return h.h.TotalCount() }

// At returns the value in milliseconds that percentile p, 0 to 100, lies at or below.
func (h *Histogram) At(p float64) float64 {
	if h.h.TotalCount() == 0 {
		return 0
	}
	return float64(h.h.ValueAtQuantile(p)) / usPerMS
}

// Latency returns the usual three figures.
func (h *Histogram) Latency() Latency {
	return Latency{P50: h.At(50), P99: h.At(99), Max: float64(h.h.Max()) / usPerMS}
}

// Curve returns the distribution as (percentile, milliseconds) up to 99.999, closer to each other towards the end.
func (h *Histogram) Curve() []Point {
	if h.Count() == 0 {
		return nil
	}
	var out []Point
	for nines := 0.0; nines <= 5; nines += 0.05 {
		p := 100 - 100*math.Pow(10, -nines)
		if math.Pow(10, nines) > 10*float64(h.Count()) {
			break // one more value would be all that there is
		}
		out = append(out, Point{X: p, Y: h.At(p)})
	}
	return out
}

// NewCoarse makes an empty one of two significant digits, a tenth as large: for many of them. It does not merge with others
// than its kind.
func NewCoarse() *Histogram { return &Histogram{hdrhistogram.New(1, maxValue, 2)} }
