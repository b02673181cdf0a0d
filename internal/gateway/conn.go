package gateway

import (
	"errors"
	"sync/atomic"

	"github.com/gobwas/ws"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/session"
	"github.com/throng-im/throng/internal/wire"
)

// credits is how many frames of a connection may wait for its loop; then its reader waits, and the peer's window fills.
const credits = 4

// conn is one connection: a transport, its session, and what the loop needs to know about both.
type conn struct {
	// immutable after construction
	id   uint64 // rising: a later connection has a higher one
	loop *loop
	tr   Transport
	sub  wire.Subprotocol
	addr string // for the bound per address

	credit chan struct{} // one token per frame that waits for the loop
	gone   chan struct{} // closed by the loop when the connection is dropped

	// atomic
	taken atomic.Int64 // bytes that the writer has got rid of

	// owned by the loop
	session  session.Session
	due      int64 // the tick of its entry in the wheel
	at       int   // place in loop.conns
	groups   []membership
	control  []byte   // control frames to be written before the next frame
	goodbye  []byte   // the close frame, written last
	changes  []change // member changes since the routes stand, while subscriptions are looked up
	began    uint64   // how many revocations the loop knew when its authentication began
	held     int      // frames whose credit is kept back until the receiver takes what waits
	sawTaken int64    // taken when last looked at
	sawAt    int64    // when it last changed, in milliseconds
	endAt    int64    // when the transport is closed whatever waits; 0: not closing
	flags    flags
}

// flags of a connection.
type flags uint8

const (
	flagDirty   flags = 1 << iota // in loop.dirty
	flagWriting                   // its writer has bytes
	flagRouted                    // its user is in the online table
	flagClosing                   // the session has ended; only the goodbye goes out
	flagGone                      // dropped
	flagPeerEnd                   // the peer said goodbye first: nothing to wait for
	flagAuthed                    // counts as authenticated for the admission
)

func (f flags) has(x flags) bool { return f&x != 0 }

// change is a member change that a session's subscriptions do not know yet.
type change struct {
	id    chat.ConversationID
	from  chat.Seq // 0: left
	leave bool
}

// read is the reader: it turns bytes into operations for the loop until the connection ends. It is started with the
// connection and ends when the transport is closed, by the peer or by the loop.
func (c *conn) read(first []byte) {
	defer c.loop.srv.readers.Done()
	f := framing{max: chat.MaxFrameBytes, text: c.sub.Text()}
	if len(first) > 0 {
		f.buf, f.w = append(make([]byte, 0, max(len(first), readBuffer)), first...), len(first)
		f.buf = f.buf[:cap(f.buf)]
	}
	for c.events(&f) {
		n, err := c.tr.Read(f.space())
		if n > 0 {
			f.fill(n)
		}
		if err != nil && n <= 0 {
			break
		}
	}
	// What comes after the end is read and dropped until the loop closes the transport: a close with unread bytes would
	// reset the connection and take the goodbye with it.
	rest := make([]byte, 512)
	for {
		if _, err := c.tr.Read(rest); err != nil {
			c.loop.inbox.Put(op{kind: opGone, c: c})
			return
		}
	}
}

// events hands over what was read; it returns false when nothing more is to be read.
func (c *conn) events(f *framing) bool {
	for {
		ev, ok, err := f.next()
		if err != nil {
			var b *breach
			if !errors.As(err, &b) {
				b = protocolError(err.Error())
			}
			c.loop.inbox.Put(op{kind: opBreach, c: c, code: uint16(b.code), word: b.reason})
			return false
		}
		if !ok {
			return true
		}
		if !c.event(ev) {
			return false
		}
	}
}

func (c *conn) event(ev event) bool {
	o := op{c: c}
	switch ev.op {
	case ws.OpPing:
		o.kind, o.bytes = opPing, append([]byte(nil), ev.payload...)
	case ws.OpPong:
		o.kind = opPong
	case ws.OpClose:
		code, err := closeFrame(ev.payload)
		var b *breach
		if errors.As(err, &b) {
			c.loop.inbox.Put(op{kind: opBreach, c: c, code: uint16(b.code), word: b.reason})
			return false
		}
		c.loop.inbox.Put(op{kind: opPeerClose, c: c, code: uint16(code)})
		return false
	default:
		envs, err := wire.DecodeClientFrame(c.sub, ev.payload)
		o.kind, o.envs, o.err = opFrame, envs, err
	}
	select {
	case c.credit <- struct{}{}:
	case <-c.gone:
		return false
	}
	c.loop.inbox.Put(o)
	return o.err == nil
}

// write is the writer: it finishes a write that the transport did not take at once, and tells the loop. There is at most one at a
// time; it ends when all is written or the loop closes the transport. buf, of which rest is
// the end, goes back to the loop.
func (c *conn) write(buf, rest []byte) {
	defer c.loop.srv.readers.Done()
	for len(rest) > 0 {
		n, err := c.tr.Write(rest)
		if err != nil {
			c.loop.inbox.Put(op{kind: opWritten, c: c, err: err})
			return
		}
		c.taken.Add(int64(n))
		rest = rest[n:]
	}
	c.loop.inbox.Put(op{kind: opWritten, c: c, bytes: buf})
}
