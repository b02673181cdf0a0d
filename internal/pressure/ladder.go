package pressure

import (
	"fmt"
	"time"
)

// mostCalm is how many times Calm a step may have to wait before it is taken back.
const mostCalm = 8

// Signals are what a server feels at a moment.
type Signals struct {
	// Lag is how long something posted to an event loop waits.
	Lag time.Duration `json:"lag"`
	// Inbox, Queue and Memory are parts of their bounds, see [Thresholds].
	Inbox  float64 `json:"inbox"`
	Queue  float64 `json:"queue"`
	Memory float64 `json:"memory"`
}

// reach returns the first signal that is at part of its threshold or above, in words; "" where none is.
func (s Signals) reach(t Thresholds, part float64) string {
	switch {
	case t.Lag > 0 && float64(s.Lag) >= part*float64(t.Lag):
		return fmt.Sprintf("lag %s of %s", s.Lag.Round(time.Millisecond), t.Lag)
	case t.Memory > 0 && s.Memory >= part*t.Memory:
		return fmt.Sprintf("memory %.2f of %.2f", s.Memory, t.Memory)
	case t.Queue > 0 && s.Queue >= part*t.Queue:
		return fmt.Sprintf("queue %.2f of %.2f", s.Queue, t.Queue)
	case t.Inbox > 0 && s.Inbox >= part*t.Inbox:
		return fmt.Sprintf("inbox %.2f of %.2f", s.Inbox, t.Inbox)
	default:
		return ""
	}
}

// Ladder turns signals into a level. It is for one goroutine. Times are those of any clock that does not run backwards.
//
// It cannot flap: a step up waits for Rise after the change before it and a step down for Calm, and each time that a step
// comes back within eight times Calm of having been taken back, the next way down waits twice as long, up to eight times.
type Ladder struct {
	// immutable after construction
	cfg   Config
	steps [Highest]Thresholds

	// owned by the caller
	level   Level
	hold    time.Duration // how long to be calm before a step down
	rising  time.Time     // since when the signals have asked for more; zero: they do not
	calm    time.Time     // since when they have asked for less; zero: they do not
	lowered time.Time     // the last step down
}

// NewLadder makes a ladder of settings that [Config.Validate] accepts.
func NewLadder(cfg Config) *Ladder {
	return &Ladder{cfg: cfg, steps: cfg.steps(), hold: cfg.Calm}
}

// Level is where the ladder stands.
func (l *Ladder) Level() Level { return l.level }

// Observe takes the signals of a moment. It moves by one step at most and says why; why is empty where it stays.
func (l *Ladder) Observe(now time.Time, s Signals) (level Level, why string) {
	switch because, up := l.above(s); {
	case up:
		l.calm = time.Time{}
		if l.rising.IsZero() {
			l.rising = now
		}
		if now.Sub(l.rising) < l.cfg.Rise {
			return l.level, ""
		}
		l.rising = now
		l.raise(now)
		return l.level, because
	case l.holds(s):
		l.rising, l.calm = time.Time{}, time.Time{}
		return l.level, ""
	case l.level == Calm:
		l.rising = time.Time{}
		return l.level, ""
	}
	l.rising = time.Time{}
	if l.calm.IsZero() {
		l.calm = now
	}
	if now.Sub(l.calm) < l.hold {
		return l.level, ""
	}
	l.calm, l.lowered = now, now
	l.level--
	return l.level, fmt.Sprintf("calm for %s", l.hold)
}

// raise takes a step up. One that comes back soon makes the way down longer.
func (l *Ladder) raise(now time.Time) {
	l.level++
	if l.lowered.IsZero() {
		return // it goes on rising: one relapse is counted once, however many steps it has
	}
	if now.Sub(l.lowered) < mostCalm*l.cfg.Calm {
		l.hold = min(2*l.hold, mostCalm*l.cfg.Calm)
	} else {
		l.hold = l.cfg.Calm
	}
	l.lowered = time.Time{}
}

// above reports whether a signal reaches a step above the level.
func (l *Ladder) above(s Signals) (because string, up bool) {
	for _, t := range l.steps[l.level:] {
		if because = s.reach(t, 1); because != "" {
			return because, true
		}
	}
	return "", false
}

// holds reports whether a signal is still too near to the threshold of the level, or to one above it that it has left out.
func (l *Ladder) holds(s Signals) bool {
	if l.level == Calm {
		return false
	}
	for _, t := range l.steps[l.level-1:] {
		if s.reach(t, l.cfg.Ease) != "" {
			return true
		}
	}
	return false
}
