package chat

import (
	"os"

	"golang.org/x/sys/windows"
)

// lockFile takes the file for this process, or fails at once. Closing it gives it back, and so does the end of the process.
func lockFile(f *os.File) error {
	const flags = windows.LOCKFILE_EXCLUSIVE_LOCK | windows.LOCKFILE_FAIL_IMMEDIATELY
	return windows.LockFileEx(windows.Handle(f.Fd()), flags, 0, 1, 0, new(windows.Overlapped))
}
