package gateway

import (
	"net/netip"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/session"
	"github.com/throng-im/throng/internal/websocket"
	"github.com/throng-im/throng/internal/wire"
)

// conn is one connection: what carries its bytes, its session, and what the loop needs to know about both. It lies in its
// loop's slab and is used again for a later connection, so whoever keeps a pointer outside of the loop keeps the id with it
// ([ref]). What it needs only while something is under way is borrowed ([work]): an idle one is small and holds no buffer.
type conn struct {
	// immutable while the slot is taken
	id   uint64 // rising: a later connection has a higher one; 0: the slot is free
	num  uint64 // the carrier's own: a descriptor, a key
	link carrier
	from *held // the address, for the bounds per address; nil: a caller whose handshake is not over
	slot uint32
	sub  wire.Subprotocol
	// window of the peer's decompressor, in bits; 0: no compression was agreed on
	window uint8

	// owned by the loop
	flags   flags
	due     int32 // the tick of its entry in the wheel; 0: none
	session session.Session
	reader  websocket.Reader
	work    *work
	groups  []membership
	next    *conn // the user's next connection on this loop
}

// work is what a connection holds only while it is needed.
type work struct {
	control   []byte     // control frames to be written before the next frame
	goodbye   []byte     // the close frame, written last
	changes   []change   // member changes while subscriptions are looked up
	since     uint64     // operations that were posted before that began: their member changes are in what is looked up; 0: nothing is
	revealing uint64     // the loop's operations when a worker began to make the routes of its groups visible; 0: none does
	began     uint64     // one more than the revocations that the loop knew when its authentication began; 0: none is under way
	buf       []byte     // what is being written, of which rest is the end
	rest      []byte     // what the carrier has not taken yet
	pingedAt  int64      // when a silent peer was pinged; 0: it was heard since
	sawAt     int64      // when it took something last, in milliseconds
	endAt     int64      // when the carrier is closed whatever waits; 0: not closing
	early     int        // its part of loop.early
	head      *handshake // a socket whose handshake is not over
}

// idle reports that nothing in it is needed.
func (w *work) idle() bool {
	return len(w.control) == 0 && len(w.goodbye) == 0 && w.changes == nil && w.began == 0 && w.since == 0 && w.revealing == 0 && w.pingedAt == 0 && w.rest == nil && w.endAt == 0 &&
		w.early == 0 && w.head == nil
}

// ref is a connection as others keep it.
type ref struct {
	c  *conn
	id uint64
}

func (c *conn) ref() ref { return ref{c, c.id} }

// alive returns the connection, or nil where its slot is somebody else's by now. It is called on the loop.
func (r ref) alive() *conn {
	if r.c == nil || r.c.id != r.id {
		return nil
	}
	return r.c
}

// flags of a connection.
type flags uint16

const (
	flagDirty    flags = 1 << iota // in loop.dirty
	flagWide                       // in loop.wide
	flagWriting                    // the carrier has not taken everything yet
	flagRouted                     // its user is in the online table
	flagClosing                    // the session has ended; only the goodbye goes out
	flagPeerEnd                    // the peer said goodbye first: nothing to wait for
	flagAuthed                     // counts as authenticated for the admission
	flagUnread                     // there may be something to read, once the session takes more
	flagDeaf                       // what comes is dropped
	flagHalf                       // the peer sends nothing more: read to the end
	flagAgain                      // in the poller's line of those who may have more to read
	flagDoubted                    // in no group: its subscriptions are to be looked up again
	flagSilent                     // it does not answer: it is told as gone
	flagReviewed                   // they are being looked up again; counted in loop.reviews
	flagTogether                   // the answers to its handshake and to what came with that go out together
)

// has reports that the flags have all of those asked for.
func (f flags) has(x flags) bool { return f&x == x }

// change is a member change that a session's subscriptions do not know yet.
type change struct {
	id    chat.ConversationID
	from  chat.Seq // the entry that made, or ended, the membership; of a leave 0: whichever
	leave bool
}

// carrier moves the bytes of connections. All methods are called on the connection's loop and none of them blocks.
//
// What comes in reaches the loop as [loop.input]; the carrier stops reading while the connection is flagUnread. After
// await the carrier tells [loop.wrote] what it got rid of, or [loop.room] that there is room.
type carrier interface {
	// start has it read; the connection is open.
	start(c *conn)
	// write takes what the peer takes at once, which may be nothing; an error ends the connection. It borrows p.
	write(c *conn, p []byte) (int, error)
	// await has the carrier write work.rest when the peer takes more. The bytes stay as they are until it is done.
	await(c *conn)
	// resume has it read on: what it gave last was handled.
	resume(c *conn)
	// hangUp ends it, from both sides; keeps reports that the carrier may still read work.rest.
	hangUp(c *conn) (keeps bool)
}

// door is a carrier whose connections begin as callers of whom it is not known yet what they want.
type door interface {
	carrier
	// handOver gives a caller to net/http that its listener has counted in, with the bytes that were read: it is the loop's no more.
	handOver(c *conn, read []byte, from netip.AddrPort)
	// hush tells the caller that nothing more will be said.
	hush(c *conn)
}
