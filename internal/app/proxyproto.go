package app

import (
	"bufio"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/throng-im/throng/internal/proxyproto"
)

// proxyTimeout is how long a balancer may take to say whom a connection is from; it says so in its first packet.
const proxyTimeout = 5 * time.Second

// proxyListener believes PROXY protocol headers (versions 1 and 2) of trusted peers. The header is read on the first use
// of a connection, by its own goroutine, so that a silent peer never holds up Accept.
type proxyListener struct {
	net.Listener
	trusted []netip.Prefix
}

// Accept implements net.Listener.
func (l proxyListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	if !contains(l.trusted, c.RemoteAddr()) {
		return c, nil
	}
	return &proxyConn{Conn: c, r: bufio.NewReaderSize(c, 4<<10)}, nil
}

func contains(list []netip.Prefix, addr net.Addr) bool {
	a, err := netip.ParseAddrPort(addr.String())
	if err != nil {
		return false
	}
	for _, p := range list {
		if p.Contains(a.Addr().Unmap()) {
			return true
		}
	}
	return false
}

// proxyConn is a connection through a balancer.
type proxyConn struct {
	net.Conn
	once   sync.Once
	r      *bufio.Reader
	remote net.Addr
	err    error
}

// RemoteAddr is the address of the client behind the balancer.
func (c *proxyConn) RemoteAddr() net.Addr {
	c.once.Do(c.header)
	if c.remote != nil {
		return c.remote
	}
	return c.Conn.RemoteAddr()
}

// NetConn is the connection without the header.
func (c *proxyConn) NetConn() net.Conn { return c.Conn }

// Read implements net.Conn.
func (c *proxyConn) Read(b []byte) (int, error) {
	c.once.Do(c.header)
	if c.err != nil {
		return 0, c.err
	}
	return c.r.Read(b)
}

func (c *proxyConn) header() {
	_ = c.SetReadDeadline(time.Now().Add(proxyTimeout))
	c.remote, c.err = readProxyHeader(c.r)
	_ = c.SetReadDeadline(time.Time{})
	if c.err != nil {
		_ = c.Close()
	}
}

// readProxyHeader takes the header off r; a nil address means that the balancer speaks for itself.
func readProxyHeader(r *bufio.Reader) (net.Addr, error) {
	for want := 1; ; want = r.Buffered() + 1 {
		if _, err := r.Peek(want); err != nil {
			return nil, fmt.Errorf("waiting for the PROXY protocol header: %w", err)
		}
		b, err := r.Peek(r.Buffered())
		if err != nil {
			return nil, err //nolint:wrapcheck // what is buffered can be peeked at
		}
		from, n, err := proxyproto.Parse(b)
		if err != nil || n == 0 {
			if err != nil {
				return nil, err
			}
			continue
		}
		if _, err := r.Discard(n); err != nil || !from.IsValid() {
			return nil, err //nolint:wrapcheck // see above
		}
		return net.TCPAddrFromAddrPort(from), nil
	}
}
