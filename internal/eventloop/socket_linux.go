package eventloop

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// ReadNow is read(2) on a socket that never blocks; EAGAIN comes back as it is, the end as 0. It borrows p until it returns.
func ReadNow(fd int, p []byte) (int, error) {
	for {
		n, _, errno := unix.RawSyscall(unix.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p))) //nolint:gosec // p lives across the call
		switch errno {
		case 0:
			return int(n), nil
		case unix.EINTR:
		default:
			return 0, errno
		}
	}
}
