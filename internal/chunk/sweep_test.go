package chunk_test

import (
	"testing"
	"time"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chunk"
)

// DLV-20: a hint for each in an interval, spread over it; and one more for those who were told too early.
func TestHintsAreSpreadOverTheInterval(t *testing.T) {
	t.Parallel()
	const all, budget = 30_000, 10_000 // so the interval is three seconds
	var s chunk.Sweep
	assert.True(t, "it was at rest", s.Raise())
	now, told, most := time.Minute, 0, 0
	begin := now
	visit := func() {
		n, _ := s.Next(now, all, budget)
		told += n
		most = max(most, n)
		now += 20 * time.Millisecond
	}
	for range 50 { // one second
		visit()
	}
	assert.True(t, "a third after a third of the interval", told >= all/3-300 && told <= all/3+300)
	assert.True(t, "it is under way", !s.Raise())
	for now < begin+3100*time.Millisecond {
		visit()
	}
	assert.True(t, "all were told once", told >= all && told <= all+2_100)
	for now < begin+7*time.Second {
		visit()
	}
	assert.Equal(t, "told in all", told, 2*all)
	assert.True(t, "no burst", most <= 210)
	assert.True(t, "it is at rest", !s.Running())
}

func TestHintsOfFewComeOncePerSecond(t *testing.T) {
	t.Parallel()
	var s chunk.Sweep
	now, told, begins := time.Minute, 0, 0
	for range 1_000 { // ten seconds with something new all the time
		s.Raise()
		n, begin := s.Next(now, 3, 10_000)
		told += n
		if begin {
			begins++
		}
		now += 10 * time.Millisecond
	}
	assert.Equal(t, "sweeps", begins, 10)
	assert.Equal(t, "hints", told, 30)
}

// Sessions that come and go while a sweep is under way neither stop it nor keep it going.
func TestASweepEndsWhateverBecomesOfTheSessions(t *testing.T) {
	t.Parallel()
	for _, after := range []int{0, 1, 5, 1_000} {
		var s chunk.Sweep
		s.Raise()
		s.Next(time.Minute, 100, 1_000)
		for i := range 200 {
			s.Next(time.Minute+time.Duration(i)*10*time.Millisecond, after, 1_000)
		}
		assert.True(t, "it is at rest", !s.Running())
	}
}
