package eventloop

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ReadNow is read(2) on a socket that never blocks; EAGAIN comes back as it is, the end as 0. It borrows p until it returns.
func ReadNow(fd int, p []byte) (int, error) {
	for {
		n, errno := transfer(unix.SYS_READ, fd, p)
		if errno == 0 {
			return n, nil
		}
		if errno != unix.EINTR {
			return 0, errno
		}
	}
}

// Again reports that a call found nothing to do and would have had to wait.
func Again(err error) bool { return err == unix.EAGAIN } //nolint:errorlint // what the calls of this package return is bare

// Hangup closes a socket.
func Hangup(fd int) error { return unix.Close(fd) }

// acceptNow is accept4(2): a caller's socket, which never blocks, and where it calls from.
func acceptNow(fd int) (int, netip.AddrPort, error) {
	var sa unix.RawSockaddrAny
	size := uint32(unix.SizeofSockaddrAny)
	for {
		n, _, errno := unix.RawSyscall6(unix.SYS_ACCEPT4, uintptr(fd), uintptr(unsafe.Pointer(&sa)), uintptr(unsafe.Pointer(&size)), //nolint:gosec // both live across the call
			unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0, 0)
		switch errno {
		case 0:
			return int(n), address(&sa), nil
		case unix.EINTR, unix.ECONNABORTED:
		default:
			return -1, netip.AddrPort{}, errno
		}
	}
}

func address(sa *unix.RawSockaddrAny) netip.AddrPort {
	switch sa.Addr.Family {
	case unix.AF_INET:
		a := (*unix.RawSockaddrInet4)(unsafe.Pointer(sa)) //nolint:gosec // the family says so
		return netip.AddrPortFrom(netip.AddrFrom4(a.Addr), port(&a.Port))
	case unix.AF_INET6:
		a := (*unix.RawSockaddrInet6)(unsafe.Pointer(sa)) //nolint:gosec // the family says so
		return netip.AddrPortFrom(netip.AddrFrom16(a.Addr).Unmap(), port(&a.Port))
	default:
		return netip.AddrPort{}
	}
}

// port reads two bytes in the network's order.
func port(p *uint16) uint16 {
	b := (*[2]byte)(unsafe.Pointer(p)) //nolint:gosec // a uint16 has two bytes
	return uint16(b[0])<<8 | uint16(b[1])
}

// EndSending tells the peer that nothing more will come.
func EndSending(fd int) { _ = unix.Shutdown(fd, unix.SHUT_WR) } // a peer that has gone does not care

// Conn gives a socket to package net, with its descriptor.
func Conn(fd int) (*net.TCPConn, error) {
	f := os.NewFile(uintptr(fd), "caller")
	defer func() { _ = f.Close() }() // the connection has a duplicate
	c, err := net.FileConn(f)
	if err != nil {
		return nil, err //nolint:wrapcheck // it says it all
	}
	t, ok := c.(*net.TCPConn)
	if !ok {
		return nil, errors.Join(errors.ErrUnsupported, c.Close())
	}
	return t, nil
}

// Unbind lets the kernel choose the size of a socket's send buffer again, which its listener had bounded.
func Unbind(fd int) {
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_BUF_LOCK, 0) != nil { // before Linux 5.16
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, 1<<20)
	}
}
