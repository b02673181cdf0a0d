package proxy

import (
	"context"
	"net"
	"sync"
	"testing"
	"time"
)

// dialLimit is how long a server may take to be reached.
const dialLimit = 5 * time.Second

// Faults are what happens to the bytes of each connection. The zero value lets them pass.
type Faults struct {
	// Delay is how much later each piece arrives, in both directions, and Jitter how much more that is at most. The order stays.
	Delay, Jitter time.Duration
	// Rate is how many bytes a second pass, in each direction of each connection; 0 is no bound.
	Rate int
	// Slice is the most bytes that go together, fewer as it is drawn; 0 is no bound.
	Slice int
	// HoldRequests and HoldReplies keep what comes until they are false again. Both together are silence.
	HoldRequests, HoldReplies bool
	// Cut resets each connection within its next so many bytes of replies, at one that is drawn; 0 cuts none.
	Cut int
}

// Proxy is an address that leads to a server. Its methods may be called from any goroutine.
type Proxy struct {
	// immutable after construction
	listener net.Listener
	running  sync.WaitGroup

	// guarded by mu
	mu      sync.Mutex
	target  string // empty while it leads nowhere
	faults  Faults
	changed chan struct{} // closed, and made anew, when faults change
	links   map[*link]struct{}
	closed  bool
}

// New makes a proxy that leads to a server, or with "" nowhere yet: then connections are reset. It ends with the test.
func New(t testing.TB, target string) *Proxy {
	t.Helper()
	return At(t, "127.0.0.1:0", target)
}

// At is New at an address of the test's own choice, in a network namespace of its own.
func At(t testing.TB, address, target string) *Proxy {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{listener: l, target: target, changed: make(chan struct{}), links: make(map[*link]struct{})}
	p.running.Go(p.accept)
	t.Cleanup(p.Close)
	return p
}

// Address is where it listens: host:port.
func (p *Proxy) Address() string { return p.listener.Addr().String() }

// To resets what stands, and leads to another server from now on.
func (p *Proxy) To(target string) {
	p.mu.Lock()
	p.target = target
	p.mu.Unlock()
	p.Reset()
}

// Set has faults happen from now on, instead of those before.
func (p *Proxy) Set(f Faults) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults = f
	close(p.changed)
	p.changed = make(chan struct{})
}

// Reset ends all connections for both ends (RST).
func (p *Proxy) Reset() { p.sever(true, true) }

// Vanish ends all connections for the server alone: clients hear nothing, now and later, as of a server whose machine is gone.
func (p *Proxy) Vanish() { p.sever(false, true) }

// Orphan ends all connections for clients alone: the server keeps them until it loses patience, as with clients whose machine is gone.
func (p *Proxy) Orphan() { p.sever(true, false) }

// Connections is how many stand for both ends.
func (p *Proxy) Connections() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for l := range p.links {
		if l.stands() {
			n++
		}
	}
	return n
}

func (p *Proxy) sever(client, server bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.links {
		l.sever(client, server)
	}
}

// now returns the faults of now, and what is closed when they change.
func (p *Proxy) now() (Faults, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.faults, p.changed
}

// Close resets what stands, and listens no more: who connects is refused. The test's end does it too.
func (p *Proxy) Close() {
	_ = p.listener.Close()
	p.mu.Lock()
	p.closed = true
	for l := range p.links {
		l.sever(true, true)
		l.end()
	}
	p.mu.Unlock()
	p.running.Wait()
}

func (p *Proxy) accept() {
	for {
		in, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.running.Go(func() { p.carry(in.(*net.TCPConn)) }) //nolint:errcheck // a TCP listener has no others
	}
}

func (p *Proxy) carry(in *net.TCPConn) {
	p.mu.Lock()
	target := p.target
	p.mu.Unlock()
	if target == "" {
		reset(in)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), dialLimit)
	defer cancel()
	out, err := new(net.Dialer).DialContext(ctx, "tcp", target)
	if err != nil {
		reset(in)
		return
	}
	l := newLink(p, in, out.(*net.TCPConn)) //nolint:errcheck // it was dialled by TCP
	p.mu.Lock()
	if p.links[l] = struct{}{}; p.closed || p.target != target {
		l.sever(true, true)
	}
	if p.closed {
		l.end()
	}
	p.mu.Unlock()
	l.run()
	p.mu.Lock()
	delete(p.links, l)
	p.mu.Unlock()
}

// reset ends a connection so that the other end is told of an error.
func reset(c *net.TCPConn) {
	_ = c.SetLinger(0)
	_ = c.Close()
}
