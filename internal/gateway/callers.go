package gateway

import "net/netip"

// maxLooks is how many callers are looked at for one who makes room.
const maxLooks = 8

// callers are a loop's connections whose handshake is not over, in the order in which they came. Each costs a descriptor until it
// is late, so their number is bounded. Where all places are taken, an address that has more of them than its share makes
// room for others: nobody keeps everybody out by calling and staying silent. They are owned by the loop.
type callers struct {
	// immutable after construction
	most  int // places
	share int // of an address, while others want one

	// owned by the loop
	first, last *conn
	n           int
	from        map[netip.Addr]int // how many an address has
}

// places are how many callers a loop takes, and how many of an address while others want a place. Of few descriptors they leave half
// to those who are in: else the descriptors would be gone before anybody had to make room.
func places(cfg *Config, d *Door, loops int) (most, share int) {
	most, share = cfg.MaxPending, cfg.MaxPendingPerAddress
	if d != nil && d.Below > 0 && most > d.Below/2 {
		most = d.Below / 2
		share = min(share, most/4)
	}
	return most / loops, share / loops
}

func newCallers(most, share int) callers {
	return callers{most: max(most, 1), share: max(share, 1), from: make(map[netip.Addr]int)}
}

// add takes a caller. Whom a proxy announces is counted once it is known who that is.
func (q *callers) add(c *conn) {
	h := c.work.head
	if h.before = q.last; h.before != nil {
		h.before.work.head.after = c
	} else {
		q.first = c
	}
	q.last = c
	q.n++
	if !h.proxied {
		q.from[network(h.from.Addr())]++
	}
}

// told notes where a caller comes from whom a proxy has announced.
func (q *callers) told(c *conn) { q.from[network(c.work.head.from.Addr())]++ }

// remove takes a caller out, whose handshake is over, and forgets what was known of it.
func (q *callers) remove(c *conn) {
	h := c.work.head
	q.unlink(h)
	if a := network(h.from.Addr()); !h.proxied {
		if q.from[a]--; q.from[a] <= 0 {
			delete(q.from, a)
		}
	}
	q.n--
	c.work.head = nil
}

func (q *callers) unlink(h *handshake) {
	if h.before != nil {
		h.before.work.head.after = h.after
	} else {
		q.first = h.after
	}
	if h.after != nil {
		h.after.work.head.before = h.before
	} else {
		q.last = h.before
	}
	h.before, h.after = nil, nil
}

// full reports that all places are taken.
func (q *callers) full() bool { return q.n >= q.most }

// heardOut reports that a caller for whom there is no room may say what it wants: a few may, of addresses that have less than a share.
func (q *callers) heardOut(from netip.Addr, share int) bool {
	return q.n < q.most+checks && q.from[network(from)] < share
}

// makesRoom returns who has to go for a caller from an address; nil: that one has to.
func (q *callers) makesRoom(from netip.Addr) *conn {
	if q.from[network(from)] >= q.share {
		return nil
	}
	for range min(maxLooks, q.n) {
		c := q.first
		h := c.work.head
		if !h.proxied && q.from[network(h.from.Addr())] > q.share {
			return c
		}
		if h.after == nil {
			break
		}
		q.unlink(h)
		h.before, q.last.work.head.after, q.last = q.last, c, c
	}
	return nil
}

// network is whose address it is: of IPv6, everybody has 2^64.
func network(a netip.Addr) netip.Addr {
	if a = a.Unmap(); a.Is4() {
		return a
	}
	p, _ := a.WithZone("").Prefix(64) // an address of IPv6, or none
	return p.Addr()
}
