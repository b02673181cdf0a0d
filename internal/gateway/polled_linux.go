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
	// roundTime is how long a loop takes callers, and reads, before it does everything else that it has to: what is left has its turn
	// behind that. roundLook is how often in between it looks at the clock.
	roundTime = 10 * time.Millisecond
	roundLook = 16
	// attended is how many callers are read from by a loop that is behind.
	attended = 64
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
	rest     []eventloop.Event // of the last look, still to be handled
	turn     []ref             // those who are read again, from next on
	next     int
	again    []ref // those after them: there may be more to read
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

// wait handles what happened, for a while. What is left is handled by the next call, which does not block then: a loop that has
// much to read goes on with its inbox and its writing all the same.
func (p *polled) wait(d time.Duration) {
	knocks := true // where something is left it is not known whether somebody calls
	behind := len(p.rest) > 0 || p.next < len(p.turn)
	if !behind {
		knocks = p.look(d)
	}
	p.loop.clock()
	if p.resumeAt != 0 && p.loop.now >= p.resumeAt {
		p.resumeAt = 0
		p.watchDoor(true)
	}
	if knocks { // first: who asks how the server does is one of them, and must not wait for all that the others have sent
		p.accept()
	}
	if behind {
		p.attend()
	}
	begin := time.Now()
	late := func(n int) bool { return n%roundLook == 0 && time.Since(begin) > roundTime }
	for n := 1; len(p.rest) > 0; n++ {
		ev := p.rest[0]
		p.rest = p.rest[1:]
		if c := p.loop.slab.at(uint32(ev.Key)); ev.Key != doorKey && c != nil && c.id != 0 && uint32(c.id) == uint32(ev.Key>>32) {
			p.event(c, ev.Ready)
		}
		if late(n) {
			return
		}
	}
	for n := 1; p.next < len(p.turn); n++ {
		c := p.turn[p.next].alive()
		p.turn[p.next] = ref{}
		if p.next++; c != nil {
			c.flags &^= flagAgain
			p.read(c)
		}
		if late(n) {
			return
		}
	}
}

// attend reads from the newest callers, who have said nothing yet: a loop that is behind does not look for what they say, and it may be
// how the server does.
func (p *polled) attend() {
	c := p.loop.callers.last
	for n := 0; c != nil && n < attended; n++ {
		before := c.work.head.before
		if !c.work.head.unheard {
			p.read(c)
		}
		c = before
	}
}

// look finds what happened, at the latest after d, and whose turn it is; it reports whether somebody calls.
func (p *polled) look(d time.Duration) (knocks bool) {
	if len(p.again) > 0 {
		d = 0
	}
	p.turn, p.again, p.next = p.again, p.turn[:0], 0
	p.rest = p.poller.Wait(d, p.busy)
	for _, ev := range p.rest {
		knocks = knocks || ev.Key == doorKey
	}
	return knocks
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
	if p.loop.hear(c); c.id == 0 || c.flags.has(flagUnread) {
		return // it has gone; or resume reads on
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
	for n := 1; n%roundLook != 0 || time.Since(begin) < roundTime; n++ {
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
	// What it wants has come with it, mostly.
	n, err := eventloop.ReadNow(fd, p.buf[:earlyBuffer])
	silent := eventloop.Again(err)
	if !silent && (err != nil || n == 0) {
		_ = eventloop.Hangup(fd)
		return
	}
	b := p.buf[:max(n, 0)]
	most := srv.deps.Door.Below
	scarce := most > 0 && fd >= most-min(checks, most/8)
	room := !scarce && p.room(from.Addr())
	if most > 0 && fd >= most || !room && !p.loop.heardOut(from.Addr(), b, scarce) {
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
	if !silent {
		p.loop.glance(c, b)
	}
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
		p.loop.srv.strangers.leave(from.Addr())
		return
	}
	eventloop.Unbind(fd)
	one := stranger{fd: fd, read: append([]byte(nil), read...), from: from}
	if !p.loop.srv.strangers.offer(one) {
		p.loop.srv.strangers.leave(from.Addr())
		p.say(fd, tooManyCallers())
	}
}
