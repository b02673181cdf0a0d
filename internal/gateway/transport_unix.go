//go:build unix

package gateway

import (
	"errors"
	"net"
	"syscall"

	"github.com/throng-im/throng/internal/eventloop"
)

// NewTransport wraps a connection whose handshake is over; sockets are written to by the loop itself as long as they take it,
// others (TLS, pipes of tests) by a writer.
func NewTransport(c net.Conn) Transport {
	sc, ok := c.(syscall.Conn)
	if !ok {
		return blocking{c}
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return blocking{c}
	}
	s := &socket{blocking: blocking{c}, raw: raw}
	s.try = s.write
	return s
}

// socket is a connection that the loop writes to without blocking: no second goroutine wakes up for a frame that the kernel
// has room for.
type socket struct {
	blocking

	// immutable after construction
	raw syscall.RawConn
	try func(fd uintptr) bool // bound once: no allocation per write

	// owned by the loop, within TryWrite
	p   []byte
	n   int
	err error
}

// TryWrite implements [Transport].
func (s *socket) TryWrite(p []byte) (int, error) {
	s.p = p
	err := s.raw.Write(s.try)
	s.p = nil
	if err != nil {
		return 0, err
	}
	return s.n, s.err
}

func (s *socket) write(fd uintptr) bool {
	for {
		n, err := eventloop.WriteNow(fd, s.p)
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case errors.Is(err, syscall.EAGAIN):
			s.n, s.err = 0, nil
		case err != nil:
			s.n, s.err = 0, err
		default:
			s.n, s.err = n, nil
		}
		return true // never wait for room: that is the writer's work
	}
}
