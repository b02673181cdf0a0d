//go:build cluster

package cluster_test

import (
	"syscall"
	"testing"
)

// signal stops a node's process, or lets it go on.
func signal(t *testing.T, s outside, stop bool) {
	t.Helper()
	what := syscall.SIGCONT
	if stop {
		what = syscall.SIGSTOP
	}
	if err := syscall.Kill(s.PID(), what); err != nil {
		t.Fatal(err)
	}
}
