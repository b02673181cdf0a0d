package load

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/throng-im/throng/internal/eventloop"
)

const (
	maxEvents  = 512
	readBuffer = 64 << 10
	idleWait   = 50 // ms
	busyWait   = 5  // ms: while something is due soon
	wakeIndex  = -1
	clockEvery = 32 // events for which one look at the clock is enough
)

// loop is one thread with one epoll and the sockets of its clients.
type loop struct {
	// Immutable after construction.
	f     *Fleet
	where place
	epoll int
	wake  int // an eventfd
	done  chan struct{}

	// Atomic.
	asleep  atomic.Bool
	stopped atomic.Bool

	mail mailbox
	bell chan struct{}

	// Guarded by mu, which is held while events are handled.
	mu      sync.Mutex
	core    core
	dials   dials
	output  map[int32][]byte
	lame    []int32 // to heal again
	healAt  int64
	swept   int   // clients that have had their heartbeat in this interval
	sweepAt int64 // when the interval began
	failure error
	buf     [readBuffer]byte

	// Owned by the loop's goroutine.
	events [maxEvents]unix.EpollEvent
}

func newLoop(f *Fleet, id int, where place) (*loop, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, errors.Join(err, unix.Close(epoll))
	}
	l := &loop{
		f: f, where: where, epoll: epoll, wake: wake, done: make(chan struct{}), bell: make(chan struct{}, 1), output: map[int32][]byte{},
	}
	l.core.init(&f.cfg, id, l)
	if err := unix.EpollCtl(epoll, unix.EPOLL_CTL_ADD, wake, &unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLET, Fd: wakeIndex}); err != nil {
		return nil, errors.Join(err, unix.Close(wake), unix.Close(epoll))
	}
	return l, nil
}

// start runs the loop until close.
func (l *loop) start() { go l.run() }

func (l *loop) run() {
	defer close(l.done)
	if l.f.cfg.Private {
		if err := ownDescriptors(l.epoll, l.wake); err != nil {
			l.fail(fmt.Errorf("take descriptors of its own: %w", err))
		}
	}
	defer l.hangUp()
	rest := time.NewTimer(0)
	<-rest.C
	for !l.stopped.Load() {
		n := l.wait()
		l.mu.Lock()
		l.core.now = l.f.Now()
		l.deliver()
		for k := range n {
			if k%clockEvery == clockEvery-1 {
				l.core.now = l.f.Now()
			}
			l.event(&l.events[k])
		}
		l.core.now = l.f.Now()
		l.dial()
		l.heartbeats()
		l.heal()
		l.core.settle(l.core.now)
		l.mu.Unlock()
		if n > 0 && l.f.cfg.Pause > 0 && l.mail.empty() {
			// What comes meanwhile is read together, and the server has the processor.
			rest.Reset(l.f.cfg.Pause)
			select {
			case <-rest.C:
			case <-l.bell:
				rest.Stop()
			}
		}
	}
}

// wait returns how many events there are.
func (l *loop) wait() int {
	l.asleep.Store(true)
	defer l.asleep.Store(false)
	timeout := idleWait
	switch {
	case !l.mail.empty() || l.stopped.Load():
		timeout = 0
	case l.hurry():
		timeout = busyWait
	}
	n, err := unix.EpollWait(l.epoll, l.events[:], timeout)
	if err != nil && !errors.Is(err, unix.EINTR) {
		l.fail(fmt.Errorf("wait for sockets: %w", err))
	}
	return max(n, 0)
}

// fail ends the loop with an error.
func (l *loop) fail(err error) {
	l.mu.Lock()
	l.failure = err
	l.mu.Unlock()
	l.stopped.Store(true)
}

// hurry reports that something is due soon besides events.
func (l *loop) hurry() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.dials.pending() || len(l.lame) > 0
}

// ring makes the loop look at its mail.
func (l *loop) ring() {
	select {
	case l.bell <- struct{}{}:
	default:
	}
	if l.asleep.Load() {
		var one [8]byte // a counter that is never read: small, or it would be full after a while
		binary.NativeEndian.PutUint64(one[:], 1)
		_, _ = eventloop.WriteNow(uintptr(l.wake), one[:])
	}
}

// deliver writes what was posted.
func (l *loop) deliver() {
	for _, p := range l.mail.take() {
		if l.core.conns[p.i].state != open {
			l.f.cfg.Driver.Refused(l.core.client(p.i), p.id&^idPull, Refusal{Reason: "not_open", Again: true})
			continue
		}
		l.write(p.i, p.b)
	}
	select {
	case <-l.bell:
	default:
	}
}

func (l *loop) event(ev *unix.EpollEvent) {
	if ev.Fd == wakeIndex {
		return
	}
	c := &l.core.conns[ev.Fd]
	if c.gen != uint16(ev.Pad) || c.fd < 0 {
		return // of a descriptor that is closed
	}
	if c.state == connecting && ev.Events&(unix.EPOLLOUT|unix.EPOLLERR|unix.EPOLLHUP) != 0 {
		l.connected(ev.Fd, c)
	}
	if c.flags&hasOutput != 0 && ev.Events&unix.EPOLLOUT != 0 {
		l.flush(ev.Fd, c)
	}
	if c.fd >= 0 && ev.Events&(unix.EPOLLIN|unix.EPOLLRDHUP|unix.EPOLLERR|unix.EPOLLHUP) != 0 {
		l.read(ev.Fd, c)
	}
}

// read takes what came. A read that does not fill the buffer has emptied the socket.
func (l *loop) read(i int32, c *conn) {
	for c.fd >= 0 && !c.held {
		n, err := eventloop.ReadNow(int(c.fd), l.buf[:])
		switch {
		case errors.Is(err, unix.EAGAIN):
			return
		case err != nil || n == 0:
			l.cut(i, 0)
			return
		}
		if l.core.measuring {
			l.core.counts.Reads++
		}
		l.input(i, c, l.buf[:n])
		if n < readBuffer {
			return
		}
	}
}

func (l *loop) input(i int32, c *conn, b []byte) {
	if c.state == greeting {
		if c.flags&hasPartial != 0 {
			b = append(l.core.partial[i], b...)
			delete(l.core.partial, i)
			c.flags &^= hasPartial
		}
		if b = l.greeted(i, c, b); b == nil {
			return
		}
	}
	if c.state != authenticating && c.state != open {
		return
	}
	if err := l.core.feed(i, b); err != nil {
		l.core.counts.Damaged++
		l.core.reasons[err.Error()]++
		l.cut(i, 0)
	}
}

// write implements carrier.
func (l *loop) write(i int32, b []byte) {
	c := &l.core.conns[i]
	if c.fd < 0 {
		return
	}
	if c.flags&hasOutput == 0 {
		n, err := eventloop.WriteNow(uintptr(c.fd), b)
		if err != nil && !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EINTR) {
			return // the reading side will tell
		}
		if b = b[n:]; len(b) == 0 {
			return
		}
		c.flags |= hasOutput
	}
	l.output[i] = append(l.output[i], b...)
}

// flush goes on with what the socket did not take.
func (l *loop) flush(i int32, c *conn) {
	b := l.output[i]
	n, _ := eventloop.WriteNow(uintptr(c.fd), b)
	if n < len(b) {
		l.output[i] = b[n:]
		return
	}
	delete(l.output, i)
	c.flags &^= hasOutput
}

// opened implements carrier.
func (l *loop) opened(int32) { l.dials.opening-- }

// later implements carrier.
func (l *loop) later(i int32) { l.lame = append(l.lame, i) }

func (l *loop) heal() {
	if len(l.lame) == 0 {
		l.healAt = l.core.now + int64(healAgain)
		return
	}
	if l.core.now < l.healAt {
		return
	}
	again := l.lame
	l.lame = nil
	l.healAt = l.core.now + int64(healAgain)
	for _, i := range again {
		l.core.heal(i)
	}
}

// heartbeats are spread over the interval, a few clients each time.
func (l *loop) heartbeats() {
	every := int64(l.f.cfg.Heartbeat)
	if every < 0 {
		return
	}
	n := len(l.core.conns)
	passed := l.core.now - l.sweepAt
	to := n
	if passed < every {
		to = int(float64(n) * float64(passed) / float64(every))
	}
	for ; l.swept < to; l.swept++ {
		if l.core.conns[l.swept].state == open {
			l.write(int32(l.swept), heartbeat())
		}
	}
	if passed >= every {
		l.swept, l.sweepAt = 0, l.core.now
	}
}

// The loop as a part of the fleet.

func (l *loop) lock() *core {
	l.mu.Lock()
	return &l.core
}

func (l *loop) unlock() { l.mu.Unlock() }

func (l *loop) send(p post) {
	l.mail.put(p)
	l.ring()
}

func (l *loop) want(n int) {
	l.mu.Lock()
	l.dials.want(min(n, len(l.core.conns)))
	l.mu.Unlock()
	l.ring()
}

// hold keeps a client from reading, or lets it read again what has come since: its event is over, for each is told once.
func (l *loop) hold(i int32, on bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := &l.core.conns[i]
	if c.held = on; on || c.fd < 0 {
		return
	}
	l.core.now = l.f.Now()
	l.read(i, c)
}

func (l *loop) close() error {
	l.stopped.Store(true)
	l.ring()
	<-l.done
	l.mu.Lock()
	defer l.mu.Unlock()
	return errors.Join(l.failure, unix.Close(l.wake), unix.Close(l.epoll))
}

// hangUp ends all clients. It runs on the loop's goroutine, whose descriptors they are.
func (l *loop) hangUp() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range l.core.conns {
		if c := &l.core.conns[i]; c.fd >= 0 {
			_ = unix.Close(int(c.fd))
			c.fd, c.state = -1, ended
		}
	}
}
