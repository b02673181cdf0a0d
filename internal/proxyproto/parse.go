package proxyproto

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net/netip"
	"strconv"
	"strings"
)

const (
	signature = "\r\n\r\n\x00\r\nQUIT\n"
	headBytes = 16      // of version 2: signature, command, family, length
	mostLine  = 107     // the longest line of version 1
	mostBytes = 2 << 10 // of version 2, behind its head
	// MaxBytes is the most that Parse looks at.
	MaxBytes = headBytes + mostBytes
)

// ErrMissing says that a connection does not begin with the header.
var ErrMissing = errors.New("no PROXY protocol header from a trusted proxy; switch it on in the balancer, or server.proxy_protocol off")

// Parse reads the header at the front of b. n is its length; 0 without an error: more bytes are needed. An address that is not
// valid means that the balancer speaks for itself (health checks).
func Parse(b []byte) (from netip.AddrPort, n int, err error) {
	switch {
	case len(b) == 0:
		return from, 0, nil
	case b[0] == 'P':
		return line(b)
	case !strings.HasPrefix(signature, string(b[:min(len(b), len(signature))])):
		return from, 0, ErrMissing
	case len(b) < headBytes:
		return from, 0, nil
	}
	command, family, size := b[12], b[13], int(binary.BigEndian.Uint16(b[14:headBytes]))
	if command>>4 != 2 || size > mostBytes {
		return from, 0, ErrMissing
	}
	if n = headBytes + size; len(b) < n {
		return from, 0, nil
	}
	body := b[headBytes:n]
	switch {
	case command&0xf == 0: // LOCAL
	case family>>4 == 1 && size >= 12:
		from = netip.AddrPortFrom(netip.AddrFrom4([4]byte(body[:4])), binary.BigEndian.Uint16(body[8:]))
	case family>>4 == 2 && size >= 36:
		from = netip.AddrPortFrom(netip.AddrFrom16([16]byte(body[:16])), binary.BigEndian.Uint16(body[32:]))
	}
	return from, n, nil
}

// line reads version 1: PROXY TCP4 203.0.113.7 10.0.0.1 8080 80
func line(b []byte) (from netip.AddrPort, n int, err error) {
	end := bytes.Index(b[:min(len(b), mostLine)], []byte("\r\n"))
	if end < 0 {
		if len(b) >= mostLine {
			return from, 0, ErrMissing
		}
		return from, 0, nil
	}
	f := strings.Fields(string(b[:end]))
	n = end + 2
	if len(f) >= 2 && f[0] == "PROXY" && f[1] == "UNKNOWN" {
		return from, n, nil
	}
	if len(f) != 6 || f[0] != "PROXY" || !strings.HasPrefix(f[1], "TCP") {
		return from, 0, ErrMissing
	}
	a, err := netip.ParseAddr(f[2])
	port, perr := strconv.ParseUint(f[4], 10, 16)
	if err != nil || perr != nil {
		return from, 0, ErrMissing
	}
	return netip.AddrPortFrom(a, uint16(port)), n, nil
}
