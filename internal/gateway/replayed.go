package gateway

import (
	"io"
	"net"
)

// replayed is a caller's connection of which something was read already, which is read again first; or which comes through a proxy
// that said from where. It is used as any connection is.
type replayed struct {
	*net.TCPConn

	// immutable after construction
	from net.Addr
	left func() // called when it is closed

	// owned by the reader
	read []byte
}

// Read implements net.Conn.
func (r *replayed) Read(p []byte) (int, error) {
	if len(r.read) == 0 {
		return r.TCPConn.Read(p)
	}
	n := copy(p, r.read)
	if r.read = r.read[n:]; len(r.read) == 0 {
		r.read = nil
	}
	return n, nil
}

// WriteTo implements io.WriterTo: the kernel's own ways would pass over what was read.
func (r *replayed) WriteTo(w io.Writer) (int64, error) {
	return io.Copy(w, struct{ io.Reader }{r}) //nolint:wrapcheck // a connection passes errors on
}

// Close implements net.Conn.
func (r *replayed) Close() error {
	defer r.left()
	return r.TCPConn.Close() //nolint:wrapcheck // a connection passes errors on
}

// RemoteAddr implements net.Conn.
func (r *replayed) RemoteAddr() net.Addr { return r.from }
