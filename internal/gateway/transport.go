package gateway

import (
	"net"
	"time"
)

// Transport is the stream of bytes of one connection, after its handshake. Read is called by one goroutine, TryWrite by the
// loop, Write by one goroutine at a time and never beside TryWrite; Close may be called by anybody, more than once, and makes
// the others return.
type Transport interface {
	Read(p []byte) (int, error)
	// TryWrite writes what the peer takes at once, which may be nothing. It never blocks.
	TryWrite(p []byte) (int, error)
	// Write blocks until all of p is written or the transport is closed. It reports progress by returning early: n < len(p)
	// without an error means that some was taken.
	Write(p []byte) (int, error)
	Close() error
}

// prepare readies a connection that net/http gave away: without its deadlines, and with the bounded send buffer that keeps
// a peer that never reads from holding megabytes.
func prepare(c net.Conn, sendBuffer int) error {
	inner := c
	for {
		wrapped, ok := inner.(interface{ NetConn() net.Conn }) // TLS, a proxy's header
		if !ok {
			break
		}
		inner = wrapped.NetConn()
	}
	if t, ok := inner.(interface{ SetWriteBuffer(n int) error }); ok && sendBuffer > 0 {
		if err := t.SetWriteBuffer(sendBuffer); err != nil {
			return err
		}
	}
	return c.SetDeadline(time.Time{})
}

// writeChunk is how much a blocking write hands over at a time, so that progress is seen.
const writeChunk = 16 << 10

// blocking is a connection without non-blocking writes: everything is written by its writer.
type blocking struct{ net.Conn }

// TryWrite implements [Transport].
func (b blocking) TryWrite([]byte) (int, error) { return 0, nil }

// Write implements [Transport].
func (b blocking) Write(p []byte) (int, error) { return b.Conn.Write(p[:min(len(p), writeChunk)]) }
