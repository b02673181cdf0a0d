package gateway

import "sync"

const (
	// streamBuffer is what an idle stream's reader holds; a read that fills it is followed by larger ones.
	streamBuffer = 2 << 10
	// streamLarge is what it reads into while much comes.
	streamLarge = 16 << 10
)

// stream carries a connection on goroutines: a reader for as long as it lives, and a writer while the peer is slow. It is for
// TLS, for pipes, and for systems without a poller; the loop parses and writes as for any other.
type stream struct {
	// immutable after construction
	tr    Transport
	loop  *loop
	group *sync.WaitGroup // of the server: readers and writers
	turn  chan struct{}   // capacity 1: the loop has handled what was read
	gone  chan struct{}   // closed with the connection
}

var _ carrier = (*stream)(nil)

func newStream(tr Transport, l *loop) *stream {
	return &stream{tr: tr, loop: l, group: &l.srv.readers, turn: make(chan struct{}, 1), gone: make(chan struct{})}
}

func (s *stream) start(c *conn) {
	s.group.Add(1)
	go s.read(c.ref()) // ends when the transport is closed
}

func (s *stream) write(_ *conn, p []byte) (int, error) { return s.tr.TryWrite(p) } //nolint:wrapcheck // it ends the connection, whatever it says

func (s *stream) await(c *conn) {
	s.group.Add(1)
	go s.drain(c.ref(), c.work.rest) // ends when all is written or the transport is closed
}

// drain is the writer: it finishes a write that the transport did not take at once, and tells the loop how it goes on.
func (s *stream) drain(r ref, rest []byte) {
	defer s.group.Done()
	for len(rest) > 0 {
		n, err := s.tr.Write(rest)
		s.loop.inbox.Put(op{kind: opWritten, ref: r, n: n, err: err})
		if err != nil {
			return
		}
		rest = rest[n:]
	}
}

func (s *stream) resume(*conn) { signal(s.turn) }

func (s *stream) hangUp(c *conn) bool {
	close(s.gone)
	if err := s.tr.Close(); err != nil {
		s.loop.srv.log.Debug("closing a connection", "session", c.id, "error", err)
	}
	return true
}

// read is the reader: it posts what comes, and reads on when the loop has handled that. It ends when the transport is
// closed, by the peer or by the loop.
func (s *stream) read(r ref) {
	defer s.group.Done()
	buf := make([]byte, streamBuffer)
	for {
		n, err := s.tr.Read(buf)
		if n > 0 {
			s.loop.inbox.Put(op{kind: opInput, ref: r, bytes: buf[:n]})
			select {
			case <-s.turn:
			case <-s.gone:
				return
			}
		}
		if err != nil {
			s.loop.inbox.Put(op{kind: opGone, ref: r})
			return
		}
		switch {
		case n == len(buf) && n < streamLarge:
			buf = make([]byte, streamLarge)
		case n < streamBuffer && len(buf) > streamBuffer:
			buf = make([]byte, streamBuffer)
		}
	}
}
