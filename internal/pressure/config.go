package pressure

import (
	"errors"
	"fmt"
	"time"
)

// Thresholds are what leads to a step: each signal that reaches its threshold does. 0 takes a signal out of the question.
type Thresholds struct {
	// Lag is how long something posted to an event loop waits.
	Lag time.Duration
	// Inbox is the part of its bound to which the fullest inbox of a loop is filled.
	Inbox float64
	// Queue is the part of its bound to which the fullest queue of the log is filled.
	Queue float64
	// Memory is the part of the memory budget that is taken by what cannot be freed.
	Memory float64
}

// Config says when the server begins to leave things out, and when it stops.
type Config struct {
	// Interval is how often the signals are read; 0 reads none, and only an operator changes the level.
	Interval time.Duration
	// Rise is how long a signal has to be at a step's threshold before the step is taken; at least as long lies between two steps
	// up.
	Rise time.Duration
	// Calm is how long all signals have to be below a step's thresholds before it is taken back; at least as long lies between any
	// change and a step down. It doubles, up to eight times, when a step comes back soon after it was taken back.
	Calm time.Duration
	// Ease is the part of a threshold that a signal must be below for the step to be taken back.
	Ease float64
	// Typing is when nobody is told any more who is typing.
	Typing Thresholds
	// Presence is when presence is told as counts.
	Presence Thresholds
	// Receipts is when the server stops following up on what devices have received.
	Receipts Thresholds
	// Content is when entries of conversations above the small tier are told as hints.
	Content Thresholds
	// Admission is when new connections are turned away.
	Admission Thresholds
}

// Default returns thresholds that a healthy server does not come near. Lag is measured against what people notice: they see a
// delay of a second, which is where content becomes hints. A full queue of the log refuses sends by itself, and does not turn away who
// comes: that would not help it, and a few who send too much would keep everybody out. Memory is counted without what the garbage
// collector may take back, which works ever harder above nine tenths.
func Default() Config {
	return Config{
		Interval: 250 * time.Millisecond, Rise: time.Second, Calm: 10 * time.Second, Ease: 0.7,
		Typing:    Thresholds{Lag: 200 * time.Millisecond, Inbox: 0.25, Queue: 0.3, Memory: 0.80},
		Presence:  Thresholds{Lag: 300 * time.Millisecond, Inbox: 0.40, Queue: 0.5, Memory: 0.84},
		Receipts:  Thresholds{Lag: 500 * time.Millisecond, Inbox: 0.50, Queue: 0.7, Memory: 0.88},
		Content:   Thresholds{Lag: time.Second, Inbox: 0.70, Queue: 0.9, Memory: 0.92},
		Admission: Thresholds{Lag: 3 * time.Second, Inbox: 0.90, Memory: 0.97},
	}
}

// steps are the thresholds by level, those of the first step in front.
func (c *Config) steps() [Highest]Thresholds {
	return [...]Thresholds{c.Typing, c.Presence, c.Receipts, c.Content, c.Admission}
}

// Validate reports the settings that cannot work.
func (c Config) Validate() error {
	var problems []error
	if c.Interval != 0 && (c.Interval < 10*time.Millisecond || c.Interval > 10*time.Second) {
		problems = append(problems, fmt.Errorf("interval: %s is neither 0 (off) nor from 10ms to 10s", c.Interval))
	}
	if c.Rise < 0 || c.Rise > time.Minute {
		problems = append(problems, fmt.Errorf("rise: %s is not from 0 to 1m", c.Rise))
	}
	if c.Calm < time.Second || c.Calm > time.Hour {
		problems = append(problems, fmt.Errorf("calm: %s is not from 1s to 1h; what is left out must not come and go", c.Calm))
	}
	if !(c.Ease > 0 && c.Ease <= 1) { // nor a number that is none
		problems = append(problems, fmt.Errorf("ease: %g is not above 0 and at most 1", c.Ease))
	}
	before := Thresholds{}
	for i, t := range c.steps() {
		problems = append(problems, t.validate(fieldOf(i), before))
		before = t.over(before)
	}
	return errors.Join(problems...)
}

// fieldOf is the setting of a step.
func fieldOf(i int) string {
	return [...]string{"typing", "presence", "receipts", "content", "admission"}[i]
}

// validate checks the thresholds of a step against those of the steps before it, which it must not come before.
func (t Thresholds) validate(name string, before Thresholds) error {
	if t.Lag < 0 || t.Lag != 0 && t.Lag < before.Lag {
		return fmt.Errorf("%s.lag: %s is below the step before it (%s); the order of the steps is fixed", name, t.Lag, before.Lag)
	}
	for _, f := range []struct {
		name        string
		now, before float64
	}{{"inbox", t.Inbox, before.Inbox}, {"queue", t.Queue, before.Queue}, {"memory", t.Memory, before.Memory}} {
		if !(f.now >= 0 && f.now <= 1) { // nor a number that is none
			return fmt.Errorf("%s.%s: %g is not from 0 (off) to 1", name, f.name, f.now)
		}
		if f.now != 0 && f.now < f.before {
			return fmt.Errorf("%s.%s: %g is below the step before it (%g); the order of the steps is fixed", name, f.name, f.now, f.before)
		}
	}
	return nil
}

// over returns t with what it leaves open taken from before.
func (t Thresholds) over(before Thresholds) Thresholds {
	return Thresholds{
		Lag: max(t.Lag, before.Lag), Inbox: max(t.Inbox, before.Inbox), Queue: max(t.Queue, before.Queue), Memory: max(t.Memory, before.Memory),
	}
}
