package eventloop

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Listener is one loop's share of a port's callers. Its methods may be called from any goroutine.
type Listener struct {
	// immutable after construction
	addr net.Addr

	// guarded by mu
	mu    sync.Mutex
	fd    int // -1: closed
	spare *os.File
}

// Listen opens n listeners of one address (host:port; port 0 is any). The kernel shares callers out between them. An address that
// another process listens on is an error, also where that one would share it.
func Listen(ctx context.Context, address string, n int, o Options) ([]*Listener, error) {
	if err := probe(ctx, address); err != nil {
		return nil, err
	}
	list := make([]*Listener, 0, n)
	for range n {
		l, err := listen(ctx, address, o)
		if err != nil {
			for _, l := range list {
				err = errors.Join(err, l.Close())
			}
			return nil, err
		}
		list = append(list, l)
		address = l.addr.String() // the port that was chosen, where none was named
	}
	return list, nil
}

// probe listens the ordinary way for a moment, which fails where anybody listens already.
func probe(ctx context.Context, address string) error {
	if _, port, err := net.SplitHostPort(address); err != nil || port == "0" {
		return err //nolint:wrapcheck // it says it all
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return err //nolint:wrapcheck // it says it all
	}
	return l.Close() //nolint:wrapcheck // never fails
}

func listen(ctx context.Context, address string, o Options) (*Listener, error) {
	lc := net.ListenConfig{KeepAlive: -1, Control: func(_, _ string, c syscall.RawConn) error {
		var err error
		if cerr := c.Control(func(fd uintptr) { err = prepare(int(fd), o) }); cerr != nil {
			return cerr //nolint:wrapcheck // Listen says what it was about
		}
		return err
	}}
	lc.SetMultipathTCP(false) // its sockets inherit less
	l, err := lc.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, err //nolint:wrapcheck // it says it all
	}
	defer func() { _ = l.Close() }() // its duplicate goes on listening
	tl, ok := l.(*net.TCPListener)
	if !ok {
		return nil, fmt.Errorf("%s is no address of TCP", address)
	}
	fd, err := duplicate(tl)
	if err != nil {
		return nil, err
	}
	spare, err := os.Open(os.DevNull)
	if err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("keeping a descriptor: %w", err)
	}
	return &Listener{addr: l.Addr(), fd: fd, spare: spare}, nil
}

func prepare(fd int, o Options) error {
	err := errors.Join(
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1),
		unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1),
	)
	if o.SendBuffer > 0 {
		err = errors.Join(err, unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, o.SendBuffer))
	}
	if o.Unanswered > 0 {
		err = errors.Join(err, unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(o.Unanswered/time.Millisecond)))
	}
	return err
}

// duplicate takes the descriptor out of the reach of Go's own poller.
func duplicate(l *net.TCPListener) (fd int, err error) {
	raw, err := l.SyscallConn()
	if err != nil {
		return -1, err //nolint:wrapcheck // a closed listener, which it is not
	}
	cerr := raw.Control(func(own uintptr) {
		fd, err = unix.FcntlInt(own, unix.F_DUPFD_CLOEXEC, 0)
	})
	if err = errors.Join(cerr, err); err != nil {
		return -1, fmt.Errorf("taking a listener over: %w", err)
	}
	return fd, nil
}

// Addr is where it listens.
func (l *Listener) Addr() net.Addr { return l.addr }

// FD is its descriptor, for the poller; -1 when it is closed.
func (l *Listener) FD() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.fd
}

// ErrFull says that the process has no descriptor left for a caller, who was turned away.
var ErrFull = errors.New("no descriptor is left")

// Accept returns the next caller's socket and its address. Where nobody calls, [Again] reports so of the error; where the
// process has no descriptor left, one caller is turned away by the one that is kept for that, and the error is [ErrFull].
func (l *Listener) Accept() (fd int, from netip.AddrPort, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fd < 0 {
		return -1, from, net.ErrClosed
	}
	fd, from, err = acceptNow(l.fd)
	if err != unix.EMFILE && err != unix.ENFILE { //nolint:errorlint // it is bare
		return fd, from, err
	}
	if l.spare != nil {
		_ = l.spare.Close()
		l.spare = nil
	}
	if fd, _, aerr := acceptNow(l.fd); aerr == nil {
		_ = unix.Close(fd)
	}
	l.spare, _ = os.Open(os.DevNull) // the next time has another try
	return -1, from, ErrFull
}

// Close does not listen any more. Whom nobody has accepted is turned away by the kernel.
func (l *Listener) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fd < 0 {
		return nil
	}
	err := unix.Close(l.fd)
	l.fd = -1
	if l.spare != nil {
		err = errors.Join(err, l.spare.Close())
	}
	return err
}
