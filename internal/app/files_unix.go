//go:build unix

package app

import "golang.org/x/sys/unix"

// openFiles is how many files the process may open; 0 is unknown.
func openFiles() uint64 {
	var l unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &l); err != nil {
		return 0
	}
	return uint64(l.Cur) //nolint:unconvert // of another type elsewhere
}
