package gateway

import (
	"errors"
	"sync/atomic"

	"github.com/gobwas/ws"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/session"
	"github.com/throng-im/throng/internal/websocket"
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

	settings *websocket.Settings // of the reader

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

// readBuffer is what a connection reads into; a larger frame is read in larger pieces, up to largestRead.
const (
	readBuffer  = 2 << 10
	largestRead = 64 << 10
)

// read is the reader: it turns bytes into operations for the loop until the connection ends. It is started with the
// connection and ends when the transport is closed, by the peer or by the loop.
func (c *conn) read(first []byte) {
	defer c.loop.srv.readers.Done()
	var r websocket.Reader
	own := make([]byte, readBuffer)
	for b := first; c.events(&r, b); {
		b = own
		if n := min(r.Missing(c.settings), largestRead); n > len(own) {
			b = make([]byte, n)
		}
		n, err := c.tr.Read(b)
		if b = b[:n]; err != nil && n <= 0 {
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
func (c *conn) events(r *websocket.Reader, b []byte) bool {
	for {
		ev, rest, ok, err := r.Next(c.settings, b)
		if err != nil {
			c.breached(err)
			return false
		}
		if !ok {
			return true
		}
		if !c.event(ev) {
			return false
		}
		b = rest
	}
}

// breached tells the loop that the peer broke the framing.
func (c *conn) breached(err error) {
	b := &websocket.Breach{Code: ws.StatusProtocolError, Reason: "the framing is broken"}
	_ = errors.As(err, &b) // the reader returns nothing else
	c.loop.inbox.Put(op{kind: opBreach, c: c, code: uint16(b.Code), word: b.Reason})
}

func (c *conn) event(ev websocket.Event) bool {
	o := op{c: c}
	switch ev.Op {
	case ws.OpPing:
		o.kind, o.bytes = opPing, append([]byte(nil), ev.Payload...)
	case ws.OpPong:
		o.kind = opPong
	case ws.OpClose:
		code, err := websocket.CloseCode(ev.Payload)
		if err != nil {
			c.breached(err)
			return false
		}
		c.loop.inbox.Put(op{kind: opPeerClose, c: c, code: uint16(code)})
		return false
	default:
		envs, err := wire.DecodeClientFrame(c.sub, ev.Payload)
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
