//go:build linux && race

package eventloop

import "syscall"

// transfer is read(2) or write(2) by way of package syscall, which tells the race detector that what was done before a write is done
// before what follows the read.
func transfer(call uintptr, fd int, p []byte) (int, syscall.Errno) {
	do := syscall.Read
	if call == syscall.SYS_WRITE {
		do = syscall.Write
	}
	n, err := do(fd, p)
	if errno, ok := err.(syscall.Errno); ok { //nolint:errorlint // it is bare
		return 0, errno
	}
	return n, 0
}
