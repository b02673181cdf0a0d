package app

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"
)

// proxyTimeout is how long a balancer may take to say whom a connection is from; it says so in its first packet.
const proxyTimeout = 5 * time.Second

const (
	proxyV2      = "\r\n\r\n\x00\r\nQUIT\n"
	proxyV1Bytes = 107 // the longest line of version 1
	proxyV2Bytes = 2 << 10
)

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

var errNoProxyHeader = errors.New("no PROXY protocol header from a trusted proxy; switch it on in the balancer, or server.proxy_protocol off")

// readProxyHeader takes the header off r; a nil address means that the balancer speaks for itself (health checks).
func readProxyHeader(r *bufio.Reader) (net.Addr, error) {
	start, err := r.Peek(1)
	if err != nil {
		return nil, fmt.Errorf("waiting for the PROXY protocol header: %w", err)
	}
	if start[0] == 'P' {
		return readProxyV1(r)
	}
	head, err := r.Peek(16)
	if err != nil || string(head[:12]) != proxyV2 {
		return nil, errNoProxyHeader
	}
	size := int(binary.BigEndian.Uint16(head[14:16]))
	command, family := head[12], head[13]
	if command>>4 != 2 || size > proxyV2Bytes {
		return nil, errNoProxyHeader
	}
	all, err := r.Peek(16 + size)
	if err != nil {
		return nil, errNoProxyHeader
	}
	body := append([]byte(nil), all[16:]...)
	if _, err := r.Discard(16 + size); err != nil {
		return nil, errNoProxyHeader
	}
	switch {
	case command&0xf == 0: // LOCAL
		return nil, nil
	case family>>4 == 1 && size >= 12:
		return net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.AddrFrom4([4]byte(body[:4])), binary.BigEndian.Uint16(body[8:]))), nil
	case family>>4 == 2 && size >= 36:
		return net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.AddrFrom16([16]byte(body[:16])), binary.BigEndian.Uint16(body[32:]))), nil
	default:
		return nil, nil
	}
}

func readProxyV1(r *bufio.Reader) (net.Addr, error) {
	var line strings.Builder
	for line.Len() < proxyV1Bytes && !strings.HasSuffix(line.String(), "\r\n") {
		b, err := r.ReadByte()
		if err != nil {
			return nil, errNoProxyHeader
		}
		line.WriteByte(b)
	}
	f := strings.Fields(line.String())
	if len(f) >= 2 && f[0] == "PROXY" && f[1] == "UNKNOWN" {
		return nil, nil
	}
	if len(f) != 6 || f[0] != "PROXY" || !strings.HasPrefix(f[1], "TCP") {
		return nil, errNoProxyHeader
	}
	a, err := netip.ParseAddrPort(net.JoinHostPort(f[2], f[4]))
	if err != nil {
		return nil, errNoProxyHeader
	}
	return net.TCPAddrFromAddrPort(a), nil
}
