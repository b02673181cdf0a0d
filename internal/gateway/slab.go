package gateway

// slabConns is how many connections a slab has: enough that a million of them are few objects for the garbage collector,
// few enough that a small server does not notice them.
const slabConns = 64

// slab holds a loop's connections side by side. Slots are used again; memory is not given back, so it is bounded by the most
// connections there ever were at once. It is owned by the loop.
type slab struct {
	// owned by the loop
	chunks [][]conn
	free   []uint32
	used   int
}

// take returns a free connection.
func (s *slab) take() *conn {
	if len(s.free) == 0 {
		base := uint32(len(s.chunks) * slabConns)
		s.chunks = append(s.chunks, make([]conn, slabConns))
		for i := slabConns - 1; i >= 0; i-- {
			s.free = append(s.free, base+uint32(i))
		}
	}
	n := len(s.free) - 1
	slot := s.free[n]
	s.free = s.free[:n]
	s.used++
	c := &s.chunks[slot/slabConns][slot%slabConns]
	c.slot = slot
	return c
}

// give takes a connection back.
func (s *slab) give(c *conn) {
	slot := c.slot
	*c = conn{slot: slot}
	s.free = append(s.free, slot)
	s.used--
}

// at returns the connection in a slot, which may be free; nil where there is no such slot.
func (s *slab) at(slot uint32) *conn {
	if int(slot) >= len(s.chunks)*slabConns {
		return nil
	}
	return &s.chunks[slot/slabConns][slot%slabConns]
}

// all calls fn for each connection, the later slots first.
func (s *slab) all(fn func(c *conn) (goOn bool)) {
	for i := len(s.chunks) - 1; i >= 0; i-- {
		for j := slabConns - 1; j >= 0; j-- {
			if c := &s.chunks[i][j]; c.id != 0 && !fn(c) {
				return
			}
		}
	}
}
