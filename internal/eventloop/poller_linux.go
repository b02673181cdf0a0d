package eventloop

import (
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// maxEvents is how many events one Wait returns at most; the others are returned by the next.
const maxEvents = 1_024

// wakeKey is the key of the poller's own descriptor; callers' keys are others.
const wakeKey = ^uint64(0)

// Ready says what happened on a descriptor.
type Ready uint8

// What may happen; several at once.
const (
	Readable Ready = 1 << iota // something to read, or to accept
	Writable                   // room to write
	HalfDead                   // the peer sends nothing any more: what it has sent is still to be read, to the end
	Dead                       // nothing goes either way
)

// Event is what happened on the descriptor that was added with the key.
type Event struct {
	Key   uint64
	Ready Ready
}

// Poller watches the descriptors of one loop. Its zero value waits for Open. Wake may be called from any goroutine and at any time, the
// other methods by the loop alone.
type Poller struct {
	// immutable after Open
	fd   int
	wake int // an eventfd

	// atomic
	asleep atomic.Bool // Wait may block: a wake-up has to be written

	// owned by the loop
	raw    [maxEvents]unix.EpollEvent
	events [maxEvents]Event
}

// Open makes the poller ready; Close gives back what it opened.
func (p *Poller) Open() error {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return fmt.Errorf("making an epoll: %w", err)
	}
	wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		_ = unix.Close(fd)
		return fmt.Errorf("making an eventfd: %w", err)
	}
	p.fd, p.wake = fd, wake
	// Edge-triggered, so that it never has to be read.
	if err := p.control(unix.EPOLL_CTL_ADD, wake, unix.EPOLLIN|unix.EPOLLET, wakeKey); err != nil {
		return errors.Join(err, p.Close())
	}
	return nil
}

// Close gives back what the poller has opened. What was added stays open.
func (p *Poller) Close() error { return errors.Join(unix.Close(p.wake), unix.Close(p.fd)) }

// Add watches a socket: what comes, whether it ends, and whether there is room again after a write that did not take
// everything. Edge-triggered, the last costs nothing while nobody is slow.
func (p *Poller) Add(fd int, key uint64) error {
	return p.control(unix.EPOLL_CTL_ADD, fd, unix.EPOLLIN|unix.EPOLLOUT|unix.EPOLLRDHUP|unix.EPOLLET, key)
}

// AddListener watches a listener, level-triggered: who does not take all callers is told again.
func (p *Poller) AddListener(fd int, key uint64) error {
	return p.control(unix.EPOLL_CTL_ADD, fd, unix.EPOLLIN, key)
}

// Pause does not watch a listener until Resume.
func (p *Poller) Pause(fd int, key uint64) error { return p.control(unix.EPOLL_CTL_MOD, fd, 0, key) }

// Resume watches it again.
func (p *Poller) Resume(fd int, key uint64) error {
	return p.control(unix.EPOLL_CTL_MOD, fd, unix.EPOLLIN, key)
}

// Remove does not watch a descriptor any more. One that is closed and was never duplicated is removed by that.
func (p *Poller) Remove(fd int) error { return p.control(unix.EPOLL_CTL_DEL, fd, 0, 0) }

func (p *Poller) control(op, fd int, events uint32, key uint64) error {
	ev := unix.EpollEvent{Events: events, Fd: int32(key), Pad: int32(key >> 32)}
	_, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_CTL, uintptr(p.fd), uintptr(op), uintptr(fd), uintptr(unsafe.Pointer(&ev)), 0, 0) //nolint:gosec // ev lives across the call
	if errno != 0 {
		return fmt.Errorf("watching a descriptor: %w", errno)
	}
	return nil
}

// Wait returns what happened, at the latest after d; 0 only looks. busy is asked once a Wake would be noticed: if it says yes,
// Wait does not block. The slice is valid until the next call.
func (p *Poller) Wait(d time.Duration, busy func() bool) []Event {
	if n := p.look(); n > 0 {
		return p.translate(n)
	}
	// Goroutines that this loop has woken stand in its processor's queue: they go first, or they would wait until the system
	// monitor takes the processor from a loop that sleeps, or that has much to write.
	runtime.Gosched()
	if d <= 0 {
		return p.translate(p.look())
	}
	p.asleep.Store(true)
	defer p.asleep.Store(false)
	if busy() {
		return p.translate(p.look())
	}
	// Rounded up: a wait that ends too early only looks again.
	n, err := unix.EpollWait(p.fd, p.raw[:], int((d+time.Millisecond-1)/time.Millisecond))
	if err != nil { // interrupted: the caller looks again
		return nil
	}
	return p.translate(n)
}

// look asks for events without blocking, and without telling the scheduler.
func (p *Poller) look() int {
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(p.fd), uintptr(unsafe.Pointer(&p.raw[0])), maxEvents, 0, 0, 0) //nolint:gosec // p lives across the call
	if errno != 0 {
		return 0
	}
	return int(n)
}

func (p *Poller) translate(n int) []Event {
	out := p.events[:0]
	for i := range p.raw[:n] {
		ev := &p.raw[i]
		key := uint64(uint32(ev.Fd)) | uint64(uint32(ev.Pad))<<32
		if key == wakeKey {
			continue
		}
		var r Ready
		if ev.Events&unix.EPOLLIN != 0 {
			r |= Readable
		}
		if ev.Events&unix.EPOLLOUT != 0 {
			r |= Writable
		}
		if ev.Events&unix.EPOLLRDHUP != 0 {
			r |= Readable | HalfDead
		}
		if ev.Events&(unix.EPOLLHUP|unix.EPOLLERR) != 0 {
			r |= Dead
		}
		out = append(out, Event{key, r})
	}
	return out
}

// Wake ends the Wait under way, or keeps the next from blocking where busy says so. A loop that is awake is not written to.
func (p *Poller) Wake() {
	if !p.asleep.CompareAndSwap(true, false) {
		return
	}
	var one [8]byte
	binary.NativeEndian.PutUint64(one[:], 1) // the counter never overflows
	_, _ = WriteNow(uintptr(p.wake), one[:])
}
