package eventloop

import "syscall"

// WriteNow is write(2) on a socket that never blocks; EAGAIN and EINTR come back as they are. It borrows p until it returns.
func WriteNow(fd uintptr, p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	n, errno := transfer(syscall.SYS_WRITE, int(fd), p)
	if errno != 0 {
		return 0, errno
	}
	return n, nil
}
