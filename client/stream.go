package client

import (
	"slices"
	"time"

	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

const (
	maxHeld  = 1_000 // pieces that a stream keeps ahead of a gap; what more comes is pulled
	holeTail = 50    // entries before the head that are pulled even where a hole stands before them
)

// piece is what a stream holds beyond its next seq: one entry, or a span that has none for this reader.
type piece struct {
	from, to uint64
	entry    *throngv1.Entry
}

// stream puts the entries of one conversation in order. It is a state machine without I/O and time of its own: it says
// what it lacks, and the Client pulls it. Guarded by the Client's mu.
type stream struct {
	// next is the seq to deliver next; 0 while the starting point is not known.
	next uint64
	// head is the highest seq known to exist.
	head uint64
	// held is ascending and without overlap, all of it at or beyond next.
	held []piece
	// since is when next began to lack; zero while nothing lacks.
	since time.Time
	// notBefore delays the next pull after a failed one, spread after a hint that many got.
	notBefore, spread time.Time
	pulling           bool
}

// add takes an entry and reports whether it is new.
func (s *stream) add(e *throngv1.Entry) bool {
	s.head = max(s.head, e.GetSeq())
	return s.hold(piece{from: e.GetSeq(), to: e.GetSeq(), entry: e})
}

// fill counts a span as held without entries.
func (s *stream) fill(from, to uint64) {
	if from == 0 || to < from {
		return
	}
	from = max(from, s.next)
	for _, p := range s.held { // the parts between what is held already
		if from > to {
			return
		}
		if p.from > from {
			s.hold(piece{from: from, to: min(to, p.from-1)})
		}
		from = max(from, p.to+1)
	}
	if from <= to {
		s.hold(piece{from: from, to: to})
	}
}

func (s *stream) hold(p piece) bool {
	if p.from == 0 || (s.next != 0 && p.to < s.next) {
		return false
	}
	n := len(s.held)
	if n == 0 || s.held[n-1].to < p.from { // in order: the common case
		if n >= maxHeld && p.from != s.next {
			return false
		}
		s.held = append(s.held, p)
		return true
	}
	i, found := slices.BinarySearchFunc(s.held, p.from, func(h piece, from uint64) int {
		switch {
		case h.to < from:
			return -1
		case h.from > from:
			return 1
		default:
			return 0
		}
	})
	if found || (i < n && s.held[i].from <= p.to) {
		return false
	}
	s.held = slices.Insert(s.held, i, p)
	if len(s.held) > maxHeld {
		s.held = s.held[:maxHeld]
	}
	return true
}

// pop returns the next entry in order; nil where the next piece is a span without one.
func (s *stream) pop() (e *throngv1.Entry, ok bool) {
	if s.next == 0 || len(s.held) == 0 || s.held[0].from > s.next {
		return nil, false
	}
	p := s.held[0]
	s.held[0] = piece{}
	if len(s.held) == 1 {
		s.held = s.held[:0]
	} else {
		s.held = s.held[1:]
	}
	s.next = p.to + 1
	s.head = max(s.head, p.to)
	return p.entry, true
}

// lacks returns the first range that is missing; from is 0 where nothing is.
func (s *stream) lacks() (from, to uint64) {
	if s.next == 0 || s.next > s.head {
		return 0, 0
	}
	if len(s.held) > 0 {
		if s.held[0].from <= s.next {
			return 0, 0
		}
		return s.next, s.held[0].from - 1
	}
	return s.next, s.head
}

func (s *stream) lacking() bool {
	from, _ := s.lacks()
	return from != 0
}

// note sets or clears the time since when the stream lacks something.
func (s *stream) note(now time.Time) {
	switch {
	case !s.lacking():
		s.since = time.Time{}
	case s.since.IsZero():
		s.since = now
	}
}

// skip passes over a range that is too large to pull and returns it; the newest entries before what is held, or before
// the head, remain to be pulled.
func (s *stream) skip(limit uint64) (from, to uint64) {
	from, to = s.lacks()
	if from == 0 || to-from+1 <= limit {
		return 0, 0
	}
	to -= holeTail
	s.next = to + 1
	return from, to
}

// clear forgets what is held; it will be pulled.
func (s *stream) clear() { s.held = nil }
