package report

import (
	"math"
	"runtime/metrics"
	"time"
)

// Pauses are how long this process's garbage collector has stopped the world: take one before, and one after.
type Pauses struct {
	buckets []float64
	counts  []uint64
}

// ReadPauses reads them.
func ReadPauses() Pauses {
	s := []metrics.Sample{{Name: "/sched/pauses/total/gc:seconds"}}
	metrics.Read(s)
	if s[0].Value.Kind() != metrics.KindFloat64Histogram {
		return Pauses{}
	}
	h := s[0].Value.Float64Histogram()
	return Pauses{append([]float64(nil), h.Buckets...), append([]uint64(nil), h.Counts...)}
}

// Longest is the upper bound of the longest pause since before, and how many there were. The runtime counts pauses in buckets, each a
// quarter longer at most than the one before.
func (p Pauses) Longest(before Pauses) (longest time.Duration, n uint64) {
	for i, count := range p.counts {
		if i < len(before.counts) {
			count -= before.counts[i]
		}
		if count == 0 {
			continue
		}
		n += count
		bound := p.buckets[i+1]
		if math.IsInf(bound, 1) {
			bound = p.buckets[i]
		}
		longest = time.Duration(bound * float64(time.Second))
	}
	return longest, n
}
