//go:build unix && !linux

package eventloop

import "golang.org/x/sys/unix"

// WriteNow is write(2) on a socket that never blocks; EAGAIN and EINTR come back as they are. It borrows p until it returns.
func WriteNow(fd uintptr, p []byte) (int, error) { return unix.Write(int(fd), p) }
