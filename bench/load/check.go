package load

// side is what a connection has beside its position: kept only while something is odd, and for those who send.
type side struct {
	missing map[uint64]struct{} // seqs below next that have not come
	own     map[uint64]uint8    // seqs of its own: acknowledged, came back, or both
	hinted  uint64              // the highest seq that a hint named
	pulled  uint64              // what was asked for goes up to here: a delivery that comes as well is no repetition
}

// What is known of an entry of the client's own.
const (
	acked = 1 << iota
	back
)

// keptOwn bounds how many of its own entries below its position a client remembers, so as to tell that one came back twice.
const keptOwn = 4_096

// verdict says how an entry fits.
type verdict uint8

const (
	inOrder    verdict = iota
	duplicate          // it was there already
	disordered         // a later one came before it
	expected           // it was there already, and that is all right
)

// conn is one client. There are a million of them: no pointers.
type conn struct {
	conv  uint64
	next  uint64 // one above the highest seq that came
	fd    int32
	gen   uint16 // of the descriptor, so that late events of an earlier one are told apart
	tries uint16
	state state
	flags uint8
	held  bool // is not read from
}

type state uint8

const (
	down state = iota
	connecting
	greeting
	authenticating
	open
	ended
)

const (
	hasSide    = 1 << iota // an entry in the core's sides
	hasPartial             // the beginning of a frame
	hasOutput              // bytes that the socket did not take
	wantsFocus             // tells the server that it looks
	everOpen               // was open before
	behind                 // a pull is under way
	sends                  // may get its own entries
	slow                   // may be held, and is in no figure but those of what is wrong
)

// take notes a delivered entry, which a client may have written itself.
func (l *core) take(i int32, c *conn, seq uint64, own bool) verdict {
	if seq == c.next && c.flags&hasSide == 0 && !own {
		c.next++
		return inOrder
	}
	s := l.side(i, c)
	defer l.tidy(i, c, s)
	if own {
		return s.came(c, seq)
	}
	switch _, missed := s.missing[seq]; {
	case seq >= c.next:
		s.skip(c, seq)
		c.next = seq + 1
		return inOrder
	case missed:
		delete(s.missing, seq)
		return disordered
	case seq <= s.pulled:
		return expected
	default:
		return duplicate
	}
}

// skip notes what lies between the position and seq.
func (s *side) skip(c *conn, seq uint64) {
	for q := c.next; q < seq; q++ {
		if s.own[q] == 0 {
			s.missing[q] = struct{}{}
		}
	}
}

// came notes that a client's own entry came back, in a chunk that is the same for all.
func (s *side) came(c *conn, seq uint64) verdict {
	if s.own[seq]&back != 0 && seq > s.pulled {
		return duplicate
	}
	s.own[seq] |= back
	if seq >= c.next {
		s.skip(c, seq)
		c.next = seq + 1
	}
	delete(s.missing, seq)
	return expected
}

// mine notes an entry of the client's own, which it knows from the answer. The answer may come before deliveries with lower seqs,
// and after ones with higher seqs.
func (l *core) mine(i int32, c *conn, seq uint64) {
	s := l.side(i, c)
	s.own[seq] |= acked
	delete(s.missing, seq)
	l.tidy(i, c, s)
}

func (l *core) side(i int32, c *conn) *side {
	s := l.sides[i]
	if s == nil {
		s = &side{missing: map[uint64]struct{}{}, own: map[uint64]uint8{}}
		l.sides[i] = s
		c.flags |= hasSide
	}
	return s
}

// tidy moves past own entries and forgets a side that says nothing.
func (l *core) tidy(i int32, c *conn, s *side) {
	for s.own[c.next] != 0 {
		c.next++
	}
	if len(s.own) > 2*keptOwn {
		for q := range s.own {
			if q+keptOwn < c.next {
				delete(s.own, q)
			}
		}
	}
	if s.pulled > 0 && s.pulled+keptOwn < c.next {
		s.pulled = 0
	}
	if len(s.missing) == 0 && len(s.own) == 0 && s.hinted < c.next && s.pulled == 0 {
		delete(l.sides, i)
		c.flags &^= hasSide
	}
}

// lacks is how many entries up to head the client does not have.
func (l *core) lacks(i int32, c *conn, head uint64) int {
	n := 0
	if head >= c.next {
		n = int(head - c.next + 1)
	}
	if c.flags&hasSide == 0 {
		return n
	}
	s := l.sides[i]
	n += len(s.missing)
	for q := range s.own {
		if q >= c.next && q <= head {
			n--
		}
	}
	return n
}

// first is the lowest seq that the client does not have.
func (l *core) first(i int32, c *conn) uint64 {
	low := c.next
	if c.flags&hasSide != 0 {
		for q := range l.sides[i].missing {
			low = min(low, q)
		}
	}
	return low
}
