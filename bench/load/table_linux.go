package load

import (
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// ownDescriptors gives the calling goroutine's thread a table of descriptors of its own, for as long as the goroutine lives: the thread ends
// with it. What the goroutine needs of what was open before it names; the runtime's own poller stays too, since the runtime looks into
// it on whichever thread it likes. Everything else is closed in the new table, so that it ends when the process closes it.
func ownDescriptors(keep ...int) error {
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_FILES); err != nil {
		return err
	}
	const mine = "/proc/thread-self/fd/"
	entries, err := os.ReadDir(mine)
	if err != nil {
		return err
	}
	for _, e := range entries {
		fd, err := strconv.Atoi(e.Name())
		if err != nil || fd <= 2 || slices.Contains(keep, fd) {
			continue
		}
		// The runtime's poller is an epoll with an eventfd. Other loops' are of the same kinds, and few.
		if what, err := os.Readlink(mine + e.Name()); err == nil && !strings.HasPrefix(what, "anon_inode:") {
			_ = unix.Close(fd)
		}
	}
	return nil
}
