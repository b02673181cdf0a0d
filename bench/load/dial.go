package load

import (
	"bytes"
	"container/heap"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// place is where the server is.
type place struct {
	addr netip.AddrPort
	// local: on this machine, so that the clients can call from many addresses.
	local   bool
	request []byte // of the handshake, but for its end
}

// handshake is the request of a client. A token may go along, and with it the first frame, in base64url.
func (p *place) handshake(token, device, frame string) []byte {
	const end = "\r\n"
	if token == "" {
		return append(p.request[:len(p.request):len(p.request)], end...)
	}
	const head, name, first = "Authorization: Bearer ", "Throng-Device: ", "Throng-Frame: "
	b := make([]byte, 0, len(p.request)+len(head)+len(token)+len(name)+len(device)+len(first)+len(frame)+4*len(end))
	b = append(append(append(append(b, p.request...), head...), token...), end...)
	if device != "" {
		b = append(append(append(b, name...), device...), end...)
	}
	if frame != "" {
		b = append(append(append(b, first...), frame...), end...)
	}
	return append(b, end...)
}

// The handshake is the same for all: the key guards against proxies that do not understand it, of which there is none.
const (
	handshakeKey    = "dGhyb25nIGxvYWQgY2xpZQ=="
	handshakeAccept = "RgdDO2zK2hCjKSPJsYumUuEC7NQ="
)

func resolve(ctx context.Context, base string) (place, error) {
	u, err := url.Parse(base)
	if err != nil {
		return place{}, err
	}
	if u.Scheme != "http" && u.Scheme != "ws" {
		return place{}, fmt.Errorf("the load speaks plain HTTP, not %q: let it call behind what ends TLS", u.Scheme)
	}
	port := u.Port()
	if port == "" {
		port = "80"
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return place{}, err
	}
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip4", u.Hostname())
	if err != nil {
		return place{}, err
	}
	if len(ips) == 0 {
		return place{}, errors.New("the load calls over IPv4, which the server has not")
	}
	return place{
		addr: netip.AddrPortFrom(ips[0].Unmap(), uint16(n)), local: ips[0].IsLoopback(),
		request: []byte("GET " + strings.TrimSuffix(u.EscapedPath(), "/") + "/v1/session" + " HTTP/1.1\r\nHost: " + u.Host +
			"\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + handshakeKey +
			"\r\nSec-WebSocket-Protocol: throng.v1.proto\r\n"),
	}, nil
}

// answered reads the answer to a handshake: what comes after it, and whether it is whole. The error says why it is no session, and after is
// what the server wants to be waited.
func answered(b []byte) (rest []byte, whole bool, after time.Duration, err error) {
	head, rest, whole := bytes.Cut(b, []byte("\r\n\r\n"))
	if !whole {
		return nil, false, 0, nil
	}
	status, fields, _ := bytes.Cut(head, []byte("\r\n"))
	if !bytes.HasPrefix(status, []byte("HTTP/1.1 101")) {
		for line := range bytes.Lines(fields) {
			if name, value, ok := bytes.Cut(line, []byte(":")); ok && bytes.EqualFold(name, []byte("Retry-After")) {
				if n, perr := strconv.Atoi(string(bytes.TrimSpace(value))); perr == nil {
					after = time.Duration(n) * time.Second
				}
			}
		}
		return nil, true, after, fmt.Errorf("handshake: %s", bytes.TrimPrefix(status, []byte("HTTP/1.1 ")))
	}
	if !bytes.Contains(fields, []byte("throng.v1.proto")) || !bytes.Contains(fields, []byte(handshakeAccept)) {
		return nil, true, 0, errors.New("handshake: another subprotocol, or another one's answer")
	}
	return rest, true, 0, nil
}

// dials are who is to be connected: the first wanted clients in turn, then those who come back.
type dials struct {
	wanted, next int
	opening      int // under way
	again        comebacks
}

func (d *dials) want(n int) { d.wanted = max(d.wanted, n) }

func (d *dials) pending() bool { return d.next < d.wanted || len(d.again) > 0 || d.opening > 0 }

// pop returns who is to be connected now.
func (d *dials) pop(now int64) (int32, bool) {
	if len(d.again) > 0 && d.again[0].at <= now {
		c, _ := heap.Pop(&d.again).(comeback)
		return c.i, true
	}
	if d.next < d.wanted {
		d.next++
		return int32(d.next - 1), true
	}
	return 0, false
}

func (d *dials) comeBack(i int32, at int64) { heap.Push(&d.again, comeback{at, i}) }

// comeback is a client that connects again at a time.
type comeback struct {
	at int64
	i  int32
}

// comebacks are a heap by time; no client is in it twice.
type comebacks []comeback

func (h comebacks) Len() int           { return len(h) }
func (h comebacks) Less(a, b int) bool { return h[a].at < h[b].at }
func (h comebacks) Swap(a, b int)      { h[a], h[b] = h[b], h[a] }

// Push implements heap.Interface.
func (h *comebacks) Push(v any) {
	if c, ok := v.(comeback); ok {
		*h = append(*h, c)
	}
}

// Pop implements heap.Interface.
func (h *comebacks) Pop() any {
	last := len(*h) - 1
	c := (*h)[last]
	*h = (*h)[:last]
	return c
}
