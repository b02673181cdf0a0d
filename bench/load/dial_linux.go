package load

import (
	"errors"
	"time"

	"golang.org/x/sys/unix"
)

const (
	dialsAtOnce = 64       // between two looks at the sockets
	slowBuffer  = 64 << 10 // bytes that the kernel takes for a client that does not read; it doubles them
)

// dial connects who is to be connected now.
func (l *loop) dial() {
	d := &l.dials
	for range dialsAtOnce {
		if d.opening >= l.core.opening || l.stopped.Load() {
			return
		}
		i, ok := d.pop(l.core.now)
		if !ok {
			return
		}
		d.opening++
		l.core.counts.Attempts++
		c := &l.core.conns[i]
		c.tries++
		l.core.counts.MostTries = max(l.core.counts.MostTries, int64(c.tries))
		if err := l.connect(i, c); err != nil {
			l.core.reasons["connect: "+err.Error()]++
			l.cut(i, 0)
		}
	}
}

func (l *loop) connect(i int32, c *conn) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	c.fd, c.state = int32(fd), connecting
	c.gen++
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	// What is closed is gone at once: the next fleet needs the ports.
	_ = unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	if c.flags&slow != 0 {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, slowBuffer) // before the handshake, which names the window's scale
	}
	if l.where.local {
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
		n := l.core.client(i) / l.f.cfg.PerAddress
		from := &unix.SockaddrInet4{Addr: [4]byte{127, byte(l.f.cfg.Sources), byte(n >> 7), byte(n&0x7f) + 1}}
		if err := unix.Bind(fd, from); err != nil {
			return err
		}
	}
	to := &unix.SockaddrInet4{Port: int(l.where.addr.Port()), Addr: l.where.addr.Addr().As4()}
	if err := unix.Connect(fd, to); err != nil && !errors.Is(err, unix.EINPROGRESS) {
		return err
	}
	return unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{
		Events: unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLRDHUP | unix.EPOLLET, Fd: i, Pad: int32(c.gen),
	})
}

// connected asks for the upgrade.
func (l *loop) connected(i int32, c *conn) {
	if n, err := unix.GetsockoptInt(int(c.fd), unix.SOL_SOCKET, unix.SO_ERROR); err != nil || n != 0 {
		l.core.reasons["connect: "+unix.Errno(n).Error()]++
		l.cut(i, 0)
		return
	}
	c.state = greeting
	var token, device, frame string
	if l.f.cfg.Early {
		token, device = l.f.cfg.Token(l.core.client(i))
		if c.flags&wantsFocus != 0 {
			frame = l.core.focusAhead(c.conv)
		}
	}
	l.write(i, l.where.handshake(token, device, frame))
}

// greeted reads the answer and authenticates. It returns what came after it, nil where nothing is left to do.
func (l *loop) greeted(i int32, c *conn, b []byte) []byte {
	rest, whole, after, err := answered(b)
	switch {
	case !whole:
		l.core.keep(i, b)
		return nil
	case err != nil:
		l.core.reasons[err.Error()]++
		l.cut(i, after)
		return nil
	}
	c.state = authenticating
	if !l.f.cfg.Early {
		l.write(i, authenticate(l.f.cfg.Token(l.core.client(i))))
	}
	if len(rest) == 0 {
		return nil
	}
	return rest
}

// cut implements carrier.
func (l *loop) cut(i int32, after time.Duration) {
	c := &l.core.conns[i]
	if c.state == down || c.state == ended {
		return
	}
	if c.fd >= 0 {
		_ = unix.Close(int(c.fd))
		c.fd = -1
	}
	delete(l.core.partial, i)
	delete(l.output, i)
	if c.state != open {
		l.dials.opening--
	}
	l.core.failed(i)
	l.core.gone(i)
	c.flags &^= hasPartial | hasOutput
	if b := l.core.again; b != nil {
		l.dials.comeBack(i, l.core.now+int64(b.wait(int(c.tries), after)))
	}
}
