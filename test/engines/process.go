package engines

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// readyLimit is how long a server may take to start before it counts as hung.
const readyLimit = 60 * time.Second

// probeEvery is how often a server that starts is asked whether it is ready, and probeLimit how long it may take to answer.
const (
	probeEvery = 20 * time.Millisecond
	probeLimit = 2 * time.Second
)

// Process is a server of an engine, which a test may kill, stop and start again. Its methods are for one goroutine at a time.
type Process struct {
	// immutable after construction
	name    string   // for messages
	folder  string   // everything of it
	address string   // host:port, the same in all its lives
	names   string   // what a variable would name it by: the address or, of MariaDB, the DSN
	command []string // the program and its arguments
	probe   func(ctx context.Context) error

	// owned by the caller
	cmd   *exec.Cmd
	ended chan struct{} // closed when the process that runs has ended
}

// Address is where it listens: host:port, the same after a restart.
func (p *Process) Address() string { return p.address }

// Log is what the server has said in all its lives.
func (p *Process) Log() string {
	text, err := os.ReadFile(p.logFile())
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// Kill ends the server with SIGKILL and waits for its end.
func (p *Process) Kill(t testing.TB) {
	t.Helper()
	if err := p.kill(); err != nil {
		t.Fatalf("killing %s: %v", p.name, err)
	}
}

// Stop makes the server hang (SIGSTOP): its connections stay, and nothing answers.
func (p *Process) Stop(t testing.TB) {
	t.Helper()
	if err := stop(p.cmd.Process); err != nil {
		t.Fatalf("stopping %s: %v", p.name, err)
	}
}

// Continue lets a stopped server go on.
func (p *Process) Continue(t testing.TB) {
	t.Helper()
	if err := resume(p.cmd.Process); err != nil {
		t.Fatalf("continuing %s: %v", p.name, err)
	}
}

// Restart starts the server again on its address and data, after a kill if it runs, and returns when it is ready.
func (p *Process) Restart(t testing.TB) {
	t.Helper()
	if err := errors.Join(p.kill(), p.start()); err != nil {
		t.Fatalf("starting %s again: %v", p.name, err)
	}
}

func (p *Process) logFile() string { return filepath.Join(p.folder, "log") }

// start runs the server and waits until it answers.
func (p *Process) start() error {
	log, err := os.OpenFile(p.logFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("opening the log: %w", err)
	}
	defer func() { _ = log.Close() }() // the child has its own
	p.cmd = exec.CommandContext(context.Background(), p.command[0], p.command[1:]...)
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr, p.cmd.SysProcAttr = p.folder, log, log, attributes()
	onThread(func() { err = p.cmd.Start() })
	if err != nil {
		return fmt.Errorf("starting %s: %w", p.name, err)
	}
	p.ended = make(chan struct{})
	go func(cmd *exec.Cmd, ended chan<- struct{}) { // ends with the process
		_ = cmd.Wait() // how it ended shows in the log
		close(ended)
	}(p.cmd, p.ended)
	return p.ready()
}

func (p *Process) ready() error {
	limit := time.After(readyLimit)
	for {
		ctx, cancel := context.WithTimeout(context.Background(), probeLimit)
		err := p.probe(ctx)
		cancel()
		if err == nil {
			return nil
		}
		select {
		case <-time.After(probeEvery):
		case <-p.ended:
			return fmt.Errorf("%s ended while it started:\n%s", p.name, p.tail())
		case <-limit:
			return errors.Join(fmt.Errorf("%s was not ready within %s: %w\n%s", p.name, readyLimit, err, p.tail()), p.kill())
		}
	}
}

// tail is the end of the log.
func (p *Process) tail() string {
	const lines = 40
	all := strings.Split(strings.TrimSpace(p.Log()), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

// kill ends the process, if there is one.
func (p *Process) kill() error {
	if p.cmd == nil || p.cmd.Process == nil {
		return nil
	}
	select {
	case <-p.ended:
		return nil
	default:
	}
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("killing %s: %w", p.name, err)
	}
	<-p.ended
	return nil
}

// remove ends the process and removes its folder.
func (p *Process) remove() error { return errors.Join(p.kill(), os.RemoveAll(p.folder)) }

// private starts a server for one test.
func private(t testing.TB, p *Process, err error) *Process {
	t.Helper()
	if err == nil {
		t.Cleanup(func() {
			if t.Failed() {
				t.Logf("the last of what %s said:\n%s", p.name, p.tail())
			}
			if err := p.remove(); err != nil {
				t.Errorf("removing %s: %v", p.name, err)
			}
		})
		err = p.start()
	}
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// shared is the server of an engine that the tests of this process share.
type shared struct {
	// guarded by mu
	mu      sync.Mutex
	begun   bool
	process *Process // nil where a variable names a server that runs already
	address string
	err     error
}

// get returns the address of the server, which it starts at the first call, unless a variable names one.
func (s *shared) get(t testing.TB, variable string, open func() (*Process, error)) string {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.begun {
		s.begun = true
		if s.address = os.Getenv(variable); s.address == "" {
			if s.process, s.err = open(); s.err == nil {
				s.address = s.process.names
				s.err = s.process.start()
			}
		}
	}
	if s.err != nil {
		t.Fatal(s.err)
	}
	return s.address
}

func (s *shared) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.process == nil {
		return nil
	}
	err := s.process.remove()
	s.begun, s.process = false, nil
	return err
}

// Main runs the tests of a package and removes the shared servers: func TestMain(m *testing.M) { os.Exit(engines.Main(m)) }.
func Main(m *testing.M) int {
	code := m.Run()
	if err := Close(); err != nil {
		fmt.Fprintln(os.Stderr, "engines:", err)
		return max(code, 1)
	}
	return code
}

// Close ends the shared servers and removes their folders, for a TestMain of its own.
func Close() error {
	return errors.Join(sharedMariaDB.close(), sharedRedis.close(), sharedKafka.close(), template.close())
}

// folders begin with this, followed by the number of the process that made them.
const folderPrefix = "throng-engines-"

// folder makes a folder for a server, and removes those that ended processes left.
func folder(what string) (string, error) {
	left, err := filepath.Glob(filepath.Join(os.TempDir(), folderPrefix+"*"))
	if err != nil {
		return "", fmt.Errorf("looking for old folders: %w", err)
	}
	for _, old := range left {
		number, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(old), folderPrefix), "-")
		if pid, err := strconv.Atoi(number); err == nil && !alive(pid) {
			_ = os.RemoveAll(old) // another process may be at it too
		}
	}
	dir, err := os.MkdirTemp("", folderPrefix+strconv.Itoa(os.Getpid())+"-"+what+"-")
	if err != nil {
		return "", fmt.Errorf("making a folder for a server: %w", err)
	}
	return dir, nil
}

// freePort finds a port of the loopback that nobody has. It lies below those that the kernel gives to connections, so that it is
// still free when a killed server wants it again.
func freePort() (int, error) {
	var last error
	for range 100 {
		port := 12_000 + rand.IntN(20_000)
		l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err == nil {
			return port, l.Close()
		}
		last = err
	}
	return 0, fmt.Errorf("finding a free port: %w", last)
}

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// find returns where a program is, also in the folders for servers that are not on everybody's path.
func find(program, install string) (string, error) {
	for _, dir := range append(filepath.SplitList(os.Getenv("PATH")), "/usr/sbin", "/usr/local/sbin") {
		file := filepath.Join(dir, program)
		if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return file, nil
		}
	}
	return "", fmt.Errorf("%s is not installed: install %s, or run .ci/run once, which does", program, install)
}

// run runs a command to its end.
func run(name string, args ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), readyLimit)
	defer cancel()
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w\n%s", filepath.Base(name), err, strings.TrimSpace(out.String()))
	}
	return nil
}

// prefix names what is one test's.
func prefix() string { return fmt.Sprintf("t%016x", rand.Uint64()) }
