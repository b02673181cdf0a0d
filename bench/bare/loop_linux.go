package bare

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha1" //nolint:gosec // RFC 6455 has it
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"github.com/throng-im/throng/bench/load"
	"github.com/throng-im/throng/internal/eventloop"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

const (
	loops      = 2
	maxEvents  = 512
	readBuffer = 16 << 10
	backlog    = 65_535
	maxFrame   = 1 << 20
	guid       = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11" // RFC 6455
)

// Serve is the process: it says where it is on out, and writes what comes through in to all clients until that ends.
func Serve(ctx context.Context, in io.Reader, out io.Writer) error {
	port := 0
	all := make([]*loop, 0, loops)
	g, ctx := errgroup.WithContext(ctx)
	var err error
	for range loops {
		var l *loop
		if l, port, err = newLoop(port); err != nil {
			break
		}
		all = append(all, l)
		g.Go(l.run)
	}
	stop := func() {
		for _, l := range all {
			l.post(nil)
		}
	}
	context.AfterFunc(ctx, stop)
	if err == nil {
		_, err = fmt.Fprintf(out, "%shttp://127.0.0.1:%d\n", greeting, port)
	}
	if err == nil {
		err = commands(in, all)
	}
	stop()
	return errors.Join(err, g.Wait())
}

// commands hands frames to all loops.
func commands(in io.Reader, all []*loop) error {
	r := bufio.NewReader(in)
	for {
		n, err := binary.ReadUvarint(r)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil || n > maxFrame {
			return fmt.Errorf("a frame of %d bytes: %w", n, err)
		}
		frame := make([]byte, n)
		if _, err := io.ReadFull(r, frame); err != nil {
			return err
		}
		for _, l := range all {
			l.post(frame)
		}
	}
}

// loop owns its listener and the sockets that came by it.
type loop struct {
	// Immutable after construction.
	epoll, wake, listener int
	welcome               []byte

	mu    sync.Mutex
	posts [][]byte

	// Owned by the loop's goroutine.
	open   []int32 // descriptors of clients that have authenticated
	state  map[int32]state
	behind map[int32][]byte // what a socket did not take
	buf    [readBuffer]byte
}

type state uint8

const (
	handshake state = iota // its handshake has not come
	token                  // nor its token
	listening
)

func newLoop(port int) (l *loop, at int, err error) {
	l = &loop{state: map[int32]state{}, behind: map[int32][]byte{}}
	l.welcome = frame(&throngv1.ServerEnvelope{Content: &throngv1.ServerEnvelope_Response{Response: &throngv1.Response{
		Id: load.IDAuthenticate, Result: &throngv1.Response_Authenticate{Authenticate: &throngv1.AuthenticateResponse{}},
	}}})
	if l.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, 0, err
	}
	if l.wake, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		return nil, 0, err
	}
	if l.listener, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0); err != nil {
		return nil, 0, err
	}
	err = errors.Join(
		unix.SetsockoptInt(l.listener, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1),
		unix.SetsockoptInt(l.listener, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1), // inherited
		unix.Bind(l.listener, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}, Port: port}),
		unix.Listen(l.listener, backlog),
		l.watch(l.wake, unix.EPOLLIN|unix.EPOLLET), l.watch(l.listener, unix.EPOLLIN),
	)
	if err != nil {
		return nil, 0, err
	}
	sa, err := unix.Getsockname(l.listener)
	if err != nil {
		return nil, 0, err
	}
	in4, ok := sa.(*unix.SockaddrInet4)
	if !ok {
		return nil, 0, net.UnknownNetworkError("not IPv4")
	}
	return l, in4.Port, nil
}

func (l *loop) watch(fd int, events uint32) error {
	return unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: events, Fd: int32(fd)})
}

// post has the loop write a frame; nil ends it.
func (l *loop) post(frame []byte) {
	l.mu.Lock()
	l.posts = append(l.posts, frame)
	l.mu.Unlock()
	var one [8]byte // a counter that is never read: small, or it would be full after a while
	binary.NativeEndian.PutUint64(one[:], 1)
	_, _ = eventloop.WriteNow(uintptr(l.wake), one[:])
}

func (l *loop) run() error {
	defer l.close()
	var events [maxEvents]unix.EpollEvent
	for {
		n, err := unix.EpollWait(l.epoll, events[:], -1)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("wait for sockets: %w", err)
		}
		for k := range max(n, 0) {
			switch fd := events[k].Fd; fd {
			case int32(l.wake):
			case int32(l.listener):
				l.accept()
			default:
				if events[k].Events&unix.EPOLLOUT != 0 && l.behind[fd] != nil {
					l.catchUp(fd)
				}
				l.read(fd)
			}
		}
		l.mu.Lock()
		posts := l.posts
		l.posts = nil
		l.mu.Unlock()
		for _, frame := range posts {
			if frame == nil {
				return nil
			}
			l.writeAll(frame)
		}
	}
}

// writeAll is what is measured.
func (l *loop) writeAll(frame []byte) {
	for _, fd := range l.open {
		if len(l.behind) > 0 && l.behind[fd] != nil {
			l.behind[fd] = append(l.behind[fd], frame...)
			continue
		}
		if n, err := eventloop.WriteNow(uintptr(fd), frame); n < len(frame) && (err == nil || errors.Is(err, unix.EAGAIN)) {
			l.behind[fd] = append([]byte(nil), frame[max(n, 0):]...)
		}
	}
}

func (l *loop) catchUp(fd int32) {
	n, err := eventloop.WriteNow(uintptr(fd), l.behind[fd])
	if err != nil {
		return
	}
	if l.behind[fd] = l.behind[fd][n:]; len(l.behind[fd]) == 0 {
		delete(l.behind, fd)
	}
}

func (l *loop) accept() {
	for {
		fd, _, err := unix.Accept4(l.listener, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		if err != nil {
			return
		}
		l.state[int32(fd)] = handshake
		if l.watch(fd, unix.EPOLLIN|unix.EPOLLOUT|unix.EPOLLRDHUP|unix.EPOLLET) != nil {
			l.end(int32(fd))
		}
	}
}

func (l *loop) read(fd int32) {
	s, known := l.state[fd]
	if !known {
		return
	}
	n, err := eventloop.ReadNow(int(fd), l.buf[:])
	switch {
	case errors.Is(err, unix.EAGAIN):
	case err != nil || n == 0:
		l.end(fd)
	case s == handshake: // a handshake, whole, because it is small
		_, _ = eventloop.WriteNow(uintptr(fd), upgrade(l.buf[:n]))
		l.state[fd] = token
		if bytes.Contains(l.buf[:n], []byte("\r\nAuthorization: ")) {
			l.welcomed(fd)
		}
	case s == token:
		l.welcomed(fd)
	}
}

// welcomed answers a token.
func (l *loop) welcomed(fd int32) {
	_, _ = eventloop.WriteNow(uintptr(fd), l.welcome)
	l.state[fd] = listening
	l.open = append(l.open, fd)
}

func upgrade(request []byte) []byte {
	var key []byte
	for line := range bytes.Lines(request) {
		if name, value, ok := bytes.Cut(line, []byte(":")); ok && bytes.EqualFold(name, []byte("Sec-WebSocket-Key")) {
			key = bytes.TrimSpace(value)
		}
	}
	sum := sha1.Sum(append(key[:len(key):len(key)], guid...)) //nolint:gosec // RFC 6455 has it
	return []byte("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
		base64.StdEncoding.EncodeToString(sum[:]) + "\r\nSec-WebSocket-Protocol: throng.v1.proto\r\n\r\n")
}

// end forgets a client. Ends come all at once, when a measurement is over.
func (l *loop) end(fd int32) {
	if l.state[fd] == listening {
		for i, other := range l.open {
			if other == fd {
				l.open[i] = l.open[len(l.open)-1]
				l.open = l.open[:len(l.open)-1]
				break
			}
		}
	}
	delete(l.state, fd)
	delete(l.behind, fd)
	_ = unix.Close(int(fd))
}

func (l *loop) close() {
	for fd := range l.state {
		_ = unix.Close(int(fd))
	}
	for _, fd := range []int{l.listener, l.wake, l.epoll} {
		_ = unix.Close(fd)
	}
}
