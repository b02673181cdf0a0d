package gateway

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"time"

	"github.com/throng-im/throng/internal/eventloop"
	"github.com/throng-im/throng/internal/websocket"
)

const (
	// pollBuffer is what a loop reads into, one socket after the other.
	pollBuffer = 64 << 10
	// earlyBuffer is how much of it is used for a peer that has shown no token yet: what it sends beyond stays with the kernel.
	earlyBuffer = 2 << 10
	// acceptTime is how long callers are taken before the loop looks at its connections again.
	acceptTime = 20 * time.Millisecond
	// acceptEvery is how long a loop with much to read takes at most before it looks for callers again.
	acceptEvery = 20 * time.Millisecond
	// acceptLook is how often in between it looks at the clock.
	acceptLook = 16
	// acceptPause is how long a loop does not accept when it could not.
	acceptPause = 500 * time.Millisecond
	// doorKey is the listener's among the keys of the poller; connections have others, since a slot is below 2^31.
	doorKey = 1<<32 - 1
)

// polled is a loop's poller with its sockets, and its share of the callers. It is owned by the loop, wake apart.
type polled struct {
	// immutable after construction
	loop   *loop
	door   *eventloop.Listener
	poller eventloop.Poller
	busy   func() bool

	// owned by the loop
	buf      []byte
	again    []ref // there may be more to read
	spare    []ref
	resumeAt int64 // when the listener is looked at again; 0: it is
}

var (
	_ waiter = (*polled)(nil)
	_ door   = (*polled)(nil)
)

func newPolled(l *loop, d *eventloop.Listener) waiter {
	return &polled{loop: l, door: d, busy: l.busy}
}

func (p *polled) open() error {
	p.buf = make([]byte, pollBuffer)
	if err := p.poller.Open(); err != nil {
		return err
	}
	fd := p.door.FD()
	if fd < 0 {
		return nil // nobody is accepted any more
	}
	return p.poller.AddListener(fd, doorKey)
}

func (p *polled) wake() { p.poller.Wake() }

func (p *polled) close() error { return errors.Join(p.door.Close(), p.poller.Close()) }

func (p *polled) wait(d time.Duration) {
	if len(p.again) > 0 {
		d = 0
	}
	events := p.poller.Wait(d, p.busy)
	p.loop.clock()
	if p.resumeAt != 0 && p.loop.now >= p.resumeAt {
		p.resumeAt = 0
		p.watchDoor(true)
	}
	again := p.again
	p.again, p.spare = p.spare[:0], again
	// Callers first: who asks how the server does is one of them, and must not wait for all that the others have sent.
	for _, ev := range events {
		if ev.Key == doorKey {
			p.accept()
		}
	}
	at := time.Now()
	for i, ev := range events {
		if ev.Key == doorKey {
			continue
		}
		if i%acceptLook == acceptLook-1 && time.Since(at) > acceptEvery {
			p.accept()
			at = time.Now()
		}
		if c := p.loop.slab.at(uint32(ev.Key)); c != nil && c.id != 0 && uint32(c.id) == uint32(ev.Key>>32) {
			p.event(c, ev.Ready)
		}
	}
	for _, r := range again {
		if c := r.alive(); c != nil {
			c.flags &^= flagAgain
			p.read(c)
		}
	}
	clear(again)
}

// key names a connection to the poller; an event of one that has gone finds another, or none.
func key(c *conn) uint64 { return uint64(uint32(c.id))<<32 | uint64(c.slot) }

func (p *polled) event(c *conn, ready eventloop.Ready) {
	if ready&(eventloop.HalfDead|eventloop.Dead) != 0 {
		c.flags |= flagHalf
	}
	if ready&(eventloop.Readable|eventloop.Dead) != 0 {
		p.read(c)
	}
	if ready&eventloop.Writable != 0 && c.flags.has(flagWriting) {
		p.loop.room(c)
	}
}

// read reads once. Who may have more stands in line for the next turn: one that sends without end holds up nobody.
func (p *polled) read(c *conn) {
	if c.flags.has(flagUnread) {
		return // resume reads on
	}
	buf := p.buf
	if !c.flags.has(flagAuthed) {
		buf = buf[:earlyBuffer]
	}
	n, err := eventloop.ReadNow(int(c.num), buf)
	switch {
	case eventloop.Again(err):
		return
	case err != nil || n == 0:
		p.loop.drop(c)
		return
	}
	p.loop.input(c, buf[:n])
	if c.id != 0 && !c.flags.has(flagUnread) && (n == len(buf) || c.flags.has(flagHalf)) {
		p.resume(c)
	}
}

// accept takes callers, as long as there are some and for a time at most: while many come at once, they and those who are in share the
// loop.
func (p *polled) accept() {
	if p.resumeAt != 0 {
		return
	}
	begin := time.Now()
	for i := 1; i%acceptLook != 0 || time.Since(begin) < acceptTime; i++ {
		fd, from, err := p.door.Accept()
		switch {
		case err == nil:
			p.welcome(fd, from)
		case eventloop.Again(err), errors.Is(err, net.ErrClosed):
			return
		default:
			// Of descriptors there are none, or of memory: who tried again at once would do nothing else.
			p.loop.srv.log.Warn("a caller cannot be taken", "error", err)
			p.watchDoor(false)
			p.resumeAt = p.loop.now + acceptPause.Milliseconds()
			return
		}
	}
}

// watchDoor says whether callers are looked for.
func (p *polled) watchDoor(on bool) {
	fd := p.door.FD()
	if fd < 0 {
		return
	}
	watch := p.poller.Pause
	if on {
		watch = p.poller.Resume
	}
	if err := watch(fd, doorKey); err != nil {
		p.loop.srv.log.Error("watching for callers", "error", err)
	}
}

func (p *polled) welcome(fd int, from netip.AddrPort) {
	srv := p.loop.srv
	room := p.room(from.Addr())
	if most := srv.deps.Door.Below; most > 0 && fd >= most || !room && !p.loop.callers.heardOut(from.Addr()) {
		p.say(fd, tooManyCallers())
		return
	}
	c := p.loop.welcome(p, uint64(fd), from)
	c.work.head.late = !room
	if err := p.poller.Add(fd, key(c)); err != nil {
		srv.log.Error("taking a caller", "error", err)
		p.loop.drop(c)
		return
	}
	p.read(c) // what it wants has come with it, mostly
}

// room reports that there is a place for one more caller, at the cost of one who has too many if need be.
func (p *polled) room(from netip.Addr) bool {
	q := &p.loop.callers
	if !q.full() {
		return true
	}
	c := q.makesRoom(from)
	if c == nil {
		return false
	}
	p.tell(int(c.num), tooManyCallers())
	p.loop.drop(c)
	return true
}

// say answers a caller that is not taken.
func (p *polled) say(fd int, why error) {
	p.tell(fd, why)
	_ = eventloop.Hangup(fd)
}

func (p *polled) tell(fd int, why error) {
	a := answer{header: make(map[string][]string)}
	p.loop.srv.refuse(&a, why)
	_, _ = eventloop.WriteNow(uintptr(fd), websocket.AppendResponse(nil, a.status, a.header, a.body.Bytes())) // it fits, or the caller has gone
}

// start implements carrier: a socket is watched from the beginning.
func (*polled) start(*conn) {}

// write implements carrier.
func (*polled) write(c *conn, b []byte) (int, error) {
	for {
		n, err := eventloop.WriteNow(uintptr(c.num), b)
		switch {
		case err == nil:
			return n, nil
		case eventloop.Again(err):
			return 0, nil
		case !errors.Is(err, syscall.EINTR):
			return 0, err //nolint:wrapcheck // it ends the connection, whatever it says
		}
	}
}

// await implements carrier: room to write is always watched.
func (*polled) await(*conn) {}

// resume implements carrier. A connection stands in line once, however much comes and whatever the poller tells meanwhile.
func (p *polled) resume(c *conn) {
	if c.flags.has(flagAgain) {
		return
	}
	c.flags |= flagAgain
	p.again = append(p.again, c.ref())
}

// hangUp implements carrier.
func (p *polled) hangUp(c *conn) (keeps bool) {
	if err := eventloop.Hangup(int(c.num)); err != nil {
		p.loop.srv.log.Debug("closing a connection", "session", c.id, "error", fmt.Errorf("close: %w", err))
	}
	return false
}

// hush implements door.
func (*polled) hush(c *conn) { eventloop.EndSending(int(c.num)) }

// handOver implements door.
func (p *polled) handOver(c *conn, read []byte, from netip.AddrPort) {
	fd := int(c.num)
	if err := p.poller.Remove(fd); err != nil {
		_ = eventloop.Hangup(fd)
		return
	}
	eventloop.Unbind(fd)
	one := stranger{fd: fd, read: append([]byte(nil), read...), from: from}
	if !p.loop.srv.strangers.offer(one) {
		p.say(fd, tooManyCallers())
	}
}
