package memnet

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"time"
)

// Network is one server's address and the ways to it. It may be used from any goroutine.
type Network struct {
	// Buffer is what a direction of a connection holds before its writer waits, in bytes; 0 is 64 KiB. Set it before use.
	Buffer int

	mu       sync.Mutex
	listener *listener
	clients  int
}

// Listen opens the address; the listener before must be closed.
func (n *Network) Listen() net.Listener {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.listener = &listener{accepts: make(chan net.Conn, 128), closed: make(chan struct{})}
	return n.listener
}

// NewLink makes a way to the server. rng is used by the link alone.
func (n *Network) NewLink(rng *rand.Rand) *Link {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.clients++
	return &Link{network: n, rng: rng, addr: fmt.Sprintf("10.0.%d.%d:1000", n.clients>>8, n.clients&255), conns: map[*conn]struct{}{}}
}

// Link is one client's way to the server.
type Link struct {
	network *Network
	addr    string

	mu       sync.Mutex
	rng      *rand.Rand
	min, max time.Duration
	down     bool
	lossy    bool
	stalled  bool
	conns    map[*conn]struct{} // the server's ends
}

// SetLatency sets how long bytes travel, uniformly between the two; order is kept.
func (l *Link) SetLatency(lowest, highest time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.min, l.max = lowest, highest
}

func (l *Link) travel() (delay time.Duration, lost bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.max <= l.min {
		return l.min, l.lossy
	}
	return l.min + time.Duration(l.rng.Int64N(int64(l.max-l.min))), l.lossy
}

// SetLossy makes what the server writes vanish, write by write, or arrive again. Connections stay as they are: since the
// server writes whole frames, it is as if it had never sent them.
func (l *Link) SetLossy(lossy bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lossy = lossy
}

// SetStalled makes the client's ends take nothing until it is unset, so that what the server writes fills the buffers.
func (l *Link) SetStalled(stalled bool) {
	l.mu.Lock()
	l.stalled = stalled
	l.mu.Unlock()
	for _, c := range l.open() {
		c.out.update(func() { c.out.stalled = stalled })
	}
}

// SetDown refuses new connections, or lets them through again. Open ones stay.
func (l *Link) SetDown(down bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.down = down
}

// Reset breaks the open connections; both ends learn it at once.
func (l *Link) Reset() {
	for _, c := range l.open() {
		c.reset()
	}
}

// Silence makes the open connections half-open for ever: whatever is written vanishes and nobody is told.
func (l *Link) Silence() {
	for _, c := range l.open() {
		c.silence()
	}
}

func (l *Link) open() []*conn {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := make([]*conn, 0, len(l.conns))
	for c := range l.conns {
		out = append(out, c)
	}
	return out
}

// DialContext opens a connection; network and address are ignored, so that it fits where a dialer is asked for.
func (l *Link) DialContext(ctx context.Context, _, _ string) (net.Conn, error) {
	delay, _ := l.travel()
	select {
	case <-time.After(delay):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	l.network.mu.Lock()
	to := l.network.listener
	l.network.mu.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	if to == nil || l.down {
		return nil, &net.OpError{Op: "dial", Net: "mem", Err: errRefused}
	}
	buffer := l.network.Buffer
	if buffer == 0 {
		buffer = bufferBytes
	}
	a, b := newStream(buffer), newStream(buffer)
	a.stalled = l.stalled
	client := &conn{in: a, out: b, rd: newDeadline(), wd: newDeadline(), link: l, local: address(l.addr), remote: address("server:80"), gone: func() {}}
	server := &conn{server: true, in: b, out: a, rd: newDeadline(), wd: newDeadline(), link: l, local: address("server:80"), remote: address(l.addr)}
	server.gone = func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.conns, server)
	}
	select {
	case <-to.closed:
	case to.accepts <- server:
		l.conns[server] = struct{}{}
		return client, nil
	default: // the backlog is full
	}
	return nil, &net.OpError{Op: "dial", Net: "mem", Err: errRefused}
}

type listener struct {
	accepts chan net.Conn
	closed  chan struct{}
	once    sync.Once
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.accepts:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *listener) Close() error {
	l.once.Do(func() { close(l.closed) })
	for {
		select {
		case c := <-l.accepts:
			if c, ok := c.(*conn); ok {
				c.reset()
			}
			_ = c.Close()
		default:
			return nil
		}
	}
}

func (l *listener) Addr() net.Addr { return address("server:80") }

type address string

func (address) Network() string  { return "mem" }
func (a address) String() string { return string(a) }
