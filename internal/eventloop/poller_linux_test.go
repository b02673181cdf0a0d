package eventloop_test

import (
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/throng-im/throng/internal/eventloop"
)

func newPoller(t *testing.T) *eventloop.Poller {
	t.Helper()
	p := new(eventloop.Poller)
	p.Wake() // before it is open, too
	if err := p.Open(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// A poller that waits is woken each time, however often it was before.
func TestWakeUps(t *testing.T) {
	t.Parallel()
	p := newPoller(t)
	const times = 2_000
	var mu sync.Mutex
	posted := 0
	busy := func() bool { mu.Lock(); defer mu.Unlock(); return posted > 0 }
	turn := make(chan struct{})
	go func() {
		for range times {
			<-turn
			mu.Lock()
			posted++
			mu.Unlock()
			p.Wake()
		}
	}()
	begin := time.Now()
	for range times {
		turn <- struct{}{}
		for !busy() {
			p.Wait(10*time.Second, busy)
		}
		mu.Lock()
		posted--
		mu.Unlock()
	}
	if took := time.Since(begin); took > 9*time.Second {
		t.Errorf("%d wake-ups took %v: one was slept through", times, took)
	}
}

// Callers are shared out, their sockets tell what happens on them, once.
func TestSockets(t *testing.T) {
	t.Parallel()
	list, err := eventloop.Listen(t.Context(), "127.0.0.1:0", 2, eventloop.Options{SendBuffer: 16 << 10, Unanswered: 30 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	if list[0].Addr().String() != list[1].Addr().String() {
		t.Errorf("two addresses: %v, %v", list[0].Addr(), list[1].Addr())
	}
	if _, err := eventloop.Listen(t.Context(), list[0].Addr().String(), 1, eventloop.Options{}); err == nil {
		t.Error("an address that is taken was shared")
	}
	p := newPoller(t)
	for i, l := range list {
		if err := p.AddListener(l.FD(), uint64(i)); err != nil {
			t.Fatal(err)
		}
	}
	never := func() bool { return false }
	wait := func() eventloop.Event {
		t.Helper()
		for range 100 {
			if ev := p.Wait(100*time.Millisecond, never); len(ev) > 0 {
				return ev[0]
			}
		}
		t.Fatal("nothing happened")
		return eventloop.Event{}
	}
	c, err := net.Dial("tcp", list[0].Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	ev := wait()
	fd, from, err := list[ev.Key].Accept()
	if err != nil || from.String() != c.LocalAddr().String() {
		t.Fatalf("accepted %v, %v", from, err)
	}
	if _, _, err := list[ev.Key].Accept(); !eventloop.Again(err) {
		t.Errorf("another caller: %v", err)
	}
	const key = 7<<32 | 5
	if err := p.Add(fd, key); err != nil {
		t.Fatal(err)
	}
	if ev := wait(); ev.Key != key || ev.Ready != eventloop.Writable {
		t.Errorf("a fresh socket: %+v", ev)
	}
	if ev := p.Wait(0, never); len(ev) != 0 {
		t.Errorf("told twice: %+v", ev)
	}
	if _, err := io.WriteString(c, "hello"); err != nil {
		t.Fatal(err)
	}
	if ev := wait(); ev.Key != key || ev.Ready&eventloop.Readable == 0 {
		t.Errorf("after a write: %+v", ev)
	}
	buf := make([]byte, 10)
	if n, err := eventloop.ReadNow(fd, buf); n != 5 || err != nil {
		t.Errorf("read %d, %v", n, err)
	}
	if _, err := eventloop.ReadNow(fd, buf); !eventloop.Again(err) {
		t.Errorf("read again: %v", err)
	}
	// What does not fit is told of once there is room.
	full, chunk := 0, make([]byte, 64<<10)
	for {
		n, err := eventloop.WriteNow(uintptr(fd), chunk)
		if full += n; err != nil {
			break
		}
	}
	go func() { _, _ = io.CopyN(io.Discard, c, int64(full)) }()
	if ev := wait(); ev.Ready&eventloop.Writable == 0 {
		t.Errorf("room: %+v", ev)
	}
	conn, err := eventloop.Conn(fd)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(c, "more"); err != nil {
		t.Fatal(err)
	}
	if n, err := conn.Read(buf); n != 4 || err != nil {
		t.Errorf("as a connection of package net: %d, %v", n, err)
	}
	for _, e := range []error{conn.Close(), c.Close(), list[0].Close(), list[1].Close()} {
		if e != nil {
			t.Error(e)
		}
	}
	if _, _, err := list[0].Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("a closed listener: %v", err)
	}
}

// TestNoDescriptorLeft runs itself with few descriptors: a caller for whom there is none is turned away, and does not stay in the
// queue to be found again and again.
func TestNoDescriptorLeft(t *testing.T) {
	t.Parallel()
	if os.Getenv("EVENTLOOP_FEW") == "" {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestNoDescriptorLeft$", "-test.v")
		cmd.Env = append(os.Environ(), "EVENTLOOP_FEW=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return
	}
	list, err := eventloop.Listen(t.Context(), "127.0.0.1:0", 1, eventloop.Options{})
	if err != nil {
		t.Fatal(err)
	}
	callers := make([]net.Conn, 4)
	for i := range callers {
		if callers[i], err = net.Dial("tcp", list[0].Addr().String()); err != nil {
			t.Fatal(err)
		}
	}
	var most syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &most); err != nil {
		t.Fatal(err)
	}
	next, err := syscall.Dup(0) // the lowest number that is free
	if err != nil || syscall.Close(next) != nil {
		t.Fatal(err)
	}
	few := most
	few.Cur = uint64(next)
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &few); err != nil {
		t.Fatal(err)
	}
	defer func() { // the process may have a report to write at its end
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &most); err != nil {
			t.Error(err)
		}
	}()
	for i := range callers {
		if _, _, err := list[0].Accept(); !errors.Is(err, eventloop.ErrFull) {
			t.Errorf("caller %d: %v", i, err)
		}
	}
	for i, c := range callers {
		_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
		if _, err := c.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("caller %d was not turned away: %v", i, err)
		}
	}
}
