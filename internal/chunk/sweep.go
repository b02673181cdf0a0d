package chunk

import "time"

// hintInterval is the shortest time between two hints of one conversation to one session.
const hintInterval = time.Second

// Sweep spreads the hints of one conversation over a loop's sessions that get no content: each gets at most one in an interval,
// and they get them one after the other, not all at once. The interval grows with their number, so that a loop sends no more
// than its share of the node's hints. The zero value is ready; it is owned by the loop.
type Sweep struct {
	raised   bool // something is to be told that this sweep does not tell to all
	running  bool
	began    time.Duration
	interval time.Duration
	all      int // there were when it began: who goes leaves a place, who comes knows already
	told     int // visited by this sweep
}

// Raise notes that the conversation went on. It returns true where the sweep was at rest.
func (s *Sweep) Raise() (woke bool) {
	woke = !s.running
	s.raised = mutant != mutantHintLost || !s.running
	return woke
}

// Running reports that there is something to do.
func (s *Sweep) Running() bool { return s.running || s.raised }

// Next returns how many of the sessions are to be visited now, from the place where the last call ended; begin is true where
// a sweep begins, at the first one. all is how many there are, and budget how many hints per second the loop may send in this
// conversation.
func (s *Sweep) Next(now time.Duration, all int, budget float64) (n int, begin bool) {
	if !s.running {
		if !s.raised || now < s.began+s.interval {
			return 0, false
		}
		s.raised, s.running, begin = false, true, true
		s.began, s.all, s.told = now, all, 0
		s.interval = max(hintInterval, time.Duration(float64(all)/budget*float64(time.Second)))
	}
	due := s.all
	if passed := now - s.began; passed < s.interval {
		due = int(float64(s.all)*float64(passed)/float64(s.interval)) + 1 // the first one at once
	}
	due = min(due, s.all)
	n = due - s.told
	if s.told += n; s.told >= s.all {
		s.running = false
	}
	return n, begin
}
