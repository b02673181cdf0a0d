package engines

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
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

// stopLimit is how long the threads of a process may take to stop.
const stopLimit = 10 * time.Second

// stop returns when the process stands still. The signal is taken by one thread after another: a query that follows at once
// may still be answered.
func stop(p *os.Process) error {
	if err := p.Signal(syscall.SIGSTOP); err != nil {
		return err //nolint:wrapcheck // Process.Stop says what was tried
	}
	for limit := time.Now().Add(stopLimit); ; time.Sleep(time.Millisecond) {
		still, err := stopped(p.Pid)
		if err != nil || still {
			return err
		}
		if time.Now().After(limit) {
			return fmt.Errorf("it still runs %v after the signal", stopLimit)
		}
	}
}

// stopped reports whether every thread of a process has stopped: the field behind the name in /proc/PID/task/TID/stat (proc(5)).
func stopped(pid int) (bool, error) {
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	if err != nil || len(files) == 0 {
		return false, fmt.Errorf("the threads of process %d: %w", pid, cmp.Or(err, os.ErrNotExist))
	}
	for _, file := range files {
		stat, err := os.ReadFile(file)
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
			continue // a thread that has ended
		}
		if err != nil {
			return false, fmt.Errorf("the state of a thread: %w", err)
		}
		if !bytes.HasPrefix(stat[bytes.LastIndexByte(stat, ')')+1:], []byte(" T")) {
			return false, nil
		}
	}
	return true, nil
}

func resume(p *os.Process) error { return p.Signal(syscall.SIGCONT) }

// alive reports whether a process of that number exists.
func alive(pid int) bool { return syscall.Kill(pid, 0) == nil }
