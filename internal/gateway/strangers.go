package gateway

import (
	"errors"
	"net"
	"net/netip"
	"sync"

	"github.com/throng-im/throng/internal/eventloop"
)

// maxStrangers is how many callers may wait for net/http to take them; who comes beyond it is turned away.
const maxStrangers = 1_024

// stranger is a caller that the loops have no use for.
type stranger struct {
	fd   int
	read []byte // what was read of it, to be read again
	from netip.AddrPort
}

// strangers is the listener that net/http serves: of callers that the loops have accepted and handed over. Closing it ends
// the accepting.
type strangers struct {
	// immutable after construction
	list     []*eventloop.Listener
	share    int                        // connections of an address at one time
	carriers func(from netip.Addr) bool // whose connections are many people's; nil: nobody's
	come     chan stranger
	gone     chan struct{}

	// guarded by mu
	mu     sync.Mutex
	closed bool
	from   map[netip.Addr]int // how many connections an address has, here or with net/http
}

var _ net.Listener = (*strangers)(nil)

func newStrangers(d *Door, share int) *strangers {
	return &strangers{
		list: d.Listeners, share: share, carriers: d.Carriers,
		come: make(chan stranger, maxStrangers), gone: make(chan struct{}), from: make(map[netip.Addr]int),
	}
}

// Strangers is the listener of callers that want something else than a session: net/http serves it, with a handler that
// hands what is for sessions all the same to the [Server]. Closing it ends the accepting of callers. It is nil without a door.
func (s *Server) Strangers() net.Listener {
	if s.strangers == nil {
		return nil
	}
	return s.strangers
}

// enter counts a caller in; it returns false where its address has its share of places already: each costs a descriptor for as long
// as net/http waits for another request. Of IPv6 a whole /64 is one address.
func (s *strangers) enter(from netip.Addr) bool {
	if s.carriers != nil && s.carriers(from.Unmap()) {
		return true
	}
	a := network(from)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.from[a] >= s.share {
		return false
	}
	s.from[a]++
	return true
}

// leave counts a caller out that was counted in.
func (s *strangers) leave(from netip.Addr) {
	if s.carriers != nil && s.carriers(from.Unmap()) {
		return
	}
	a := network(from)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.from[a]--; s.from[a] <= 0 {
		delete(s.from, a)
	}
}

// offer hands a caller over; it never blocks, and returns false where too many wait.
func (s *strangers) offer(one stranger) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	select {
	case s.come <- one:
		return true
	default:
		return false
	}
}

// Accept implements net.Listener.
func (s *strangers) Accept() (net.Conn, error) {
	for {
		select {
		case <-s.gone:
			return nil, net.ErrClosed
		case one := <-s.come:
			c, err := eventloop.Conn(one.fd)
			if err != nil {
				s.leave(one.from.Addr())
				continue // it has gone meanwhile
			}
			return &replayed{
				TCPConn: c, read: one.read, from: net.TCPAddrFromAddrPort(one.from),
				left: sync.OnceFunc(func() { s.leave(one.from.Addr()) }),
			}, nil
		}
	}
}

// Close implements net.Listener: nobody is accepted any more.
func (s *strangers) Close() (err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	close(s.gone)
	for _, l := range s.list {
		err = errors.Join(err, l.Close())
	}
	for {
		select {
		case one := <-s.come:
			_ = eventloop.Hangup(one.fd)
		default:
			return err
		}
	}
}

// Addr implements net.Listener.
func (s *strangers) Addr() net.Addr { return s.list[0].Addr() }
