//go:build !windows

package chat

import (
	"os"

	"golang.org/x/sys/unix"
)

// lockFile takes the file for this process, or fails at once. Closing it gives it back, and so does the end of the process.
func lockFile(f *os.File) error { return unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) }
