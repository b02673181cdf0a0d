package engines

import (
	"os"
	"runtime"
	"syscall"
)

// starts are commands that want to be started by the one thread that lives as long as this process: the kernel sends the
// parent-death signal when the thread that started a child ends, not the process.
var starts = make(chan func())

// onThread runs f on that thread.
func onThread(f func()) {
	done := make(chan struct{})
	starts <- func() {
		f()
		close(done)
	}
	<-done
}

func init() { //nolint:gochecknoinits // the thread has to be there before the first command, and nothing stops it
	go func() { // until the process ends
		runtime.LockOSThread()
		for f := range starts {
			f()
		}
	}()
}

// attributes make a child end with this process, and keep a terminal's interrupt from it.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}

func stop(p *os.Process) error { return p.Signal(syscall.SIGSTOP) }

func resume(p *os.Process) error { return p.Signal(syscall.SIGCONT) }

// alive reports whether a process of that number exists.
func alive(pid int) bool { return syscall.Kill(pid, 0) == nil }
