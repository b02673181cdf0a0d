//go:build !linux

package engines

import (
	"errors"
	"os"
	"syscall"
)

// Elsewhere a server may outlive a test binary that was killed, and cannot be stopped for a while.
func onThread(f func()) { f() }

func attributes() *syscall.SysProcAttr { return nil }

func stop(*os.Process) error { return errors.ErrUnsupported }

func resume(*os.Process) error { return errors.ErrUnsupported }

func alive(int) bool { return true }
