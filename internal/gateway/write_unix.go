//go:build unix && !linux

package gateway

import "golang.org/x/sys/unix"

// writeNow is write(2) on a socket that never blocks.
func writeNow(fd uintptr, p []byte) (int, error) { return unix.Write(int(fd), p) }
