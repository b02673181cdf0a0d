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
	list []*eventloop.Listener
	come chan stranger
	gone chan struct{}

	// guarded by mu
	mu     sync.Mutex
	closed bool
}

var _ net.Listener = (*strangers)(nil)

func newStrangers(list []*eventloop.Listener) *strangers {
	return &strangers{list: list, come: make(chan stranger, maxStrangers), gone: make(chan struct{})}
}

// Strangers is the listener of callers that want something else than a session: net/http serves it, with a handler that
// hands what is for sessions all the same to the [Server]. Closing it ends the accepting of callers. It is nil without a door.
func (s *Server) Strangers() net.Listener {
	if s.strangers == nil {
		return nil
	}
	return s.strangers
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
				continue // it has gone meanwhile
			}
			return &replayed{TCPConn: c, read: one.read, from: net.TCPAddrFromAddrPort(one.from)}, nil
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
