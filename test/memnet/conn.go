package memnet

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// bufferBytes is what a direction holds before its writer waits, where the network does not say.
const bufferBytes = 64 << 10

// stream is one direction of a connection.
type stream struct {
	mu       sync.Mutex
	segments []segment
	held     int
	eof      bool  // the writer closed
	broken   error // both ends fail with it
	silent   bool  // what is written vanishes
	stalled  bool  // nothing is taken out
	buffer   int
	changed  chan struct{}
}

type segment struct {
	data []byte
	due  time.Time
}

func newStream(buffer int) *stream { return &stream{buffer: buffer, changed: make(chan struct{})} }

// wake tells all that wait on the stream to look again; mu is held.
func (s *stream) wake() {
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *stream) update(fn func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fn()
	s.wake()
}

// write adds data that arrives after delay; it waits while the buffer is full.
func (s *stream) write(p []byte, delay time.Duration, dl *deadline) (int, error) {
	written := 0
	for len(p) > 0 {
		expired, passed := dl.channel()
		s.mu.Lock()
		switch {
		case s.broken != nil:
			err := s.broken
			s.mu.Unlock()
			return written, err
		case s.eof:
			s.mu.Unlock()
			return written, syscall.EPIPE
		case passed:
			s.mu.Unlock()
			return written, os.ErrDeadlineExceeded
		case s.held < s.buffer:
			n := min(len(p), s.buffer-s.held)
			if !s.silent {
				due := time.Now().Add(delay)
				if k := len(s.segments); k > 0 && due.Before(s.segments[k-1].due) {
					due = s.segments[k-1].due
				}
				s.segments = append(s.segments, segment{data: append([]byte(nil), p[:n]...), due: due})
			}
			// Silence fills the buffer too: nobody acknowledges what vanished.
			s.held += n
			p, written = p[n:], written+n
			s.wake()
			s.mu.Unlock()
		default:
			changed := s.changed
			s.mu.Unlock()
			select {
			case <-changed:
			case <-expired:
			}
		}
	}
	return written, nil
}

// read takes what has arrived.
func (s *stream) read(p []byte, dl *deadline) (int, error) {
	for {
		expired, passed := dl.channel()
		s.mu.Lock()
		var arrival <-chan time.Time
		switch {
		case s.broken != nil:
			err := s.broken
			s.mu.Unlock()
			return 0, err
		case passed:
			s.mu.Unlock()
			return 0, os.ErrDeadlineExceeded
		case s.stalled:
		case len(s.segments) > 0:
			wait := time.Until(s.segments[0].due)
			if wait <= 0 {
				n := s.take(p)
				s.mu.Unlock()
				return n, nil
			}
			arrival = time.After(wait)
		case s.eof && !s.silent:
			s.mu.Unlock()
			return 0, io.EOF
		}
		changed := s.changed
		s.mu.Unlock()
		select {
		case <-changed:
		case <-expired:
		case <-arrival:
		}
	}
}

func (s *stream) take(p []byte) int {
	n := copy(p, s.segments[0].data)
	s.held -= n
	if n == len(s.segments[0].data) {
		s.segments = s.segments[1:]
	} else {
		s.segments[0].data = s.segments[0].data[n:]
	}
	s.wake()
	return n
}

// deadline is a point in time after which waiting fails; it may be moved while somebody waits.
type deadline struct {
	mu    sync.Mutex
	at    time.Time
	timer *time.Timer
	ch    chan struct{}
}

func newDeadline() *deadline { return &deadline{ch: make(chan struct{})} }

func (d *deadline) set(t time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
	// Whoever waits on the old channel wakes up and takes the new one.
	close(d.ch)
	d.ch = make(chan struct{})
	d.at = t
	if ch := d.ch; !t.IsZero() {
		d.timer = time.AfterFunc(time.Until(t), func() {
			d.mu.Lock()
			defer d.mu.Unlock()
			if d.ch == ch {
				close(d.ch)
				d.ch = make(chan struct{})
			}
		})
	}
}

func (d *deadline) channel() (<-chan struct{}, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.ch, !d.at.IsZero() && !time.Now().Before(d.at)
}

// conn is one end of a connection.
type conn struct {
	in, out       *stream
	rd, wd        *deadline
	link          *Link
	server        bool // this is the server's end
	local, remote net.Addr
	once          sync.Once
	gone          func()
}

var errReset error = &net.OpError{Op: "read", Net: "mem", Err: syscall.ECONNRESET}

func (c *conn) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	return c.in.read(p, c.rd)
}

func (c *conn) Write(p []byte) (int, error) {
	delay, lost := c.link.travel()
	if lost && c.server {
		return len(p), nil
	}
	return c.out.write(p, delay, c.wd)
}

func (c *conn) Close() error {
	c.once.Do(func() {
		c.out.update(func() { c.out.eof = true })
		c.in.update(func() {
			if c.in.broken == nil {
				c.in.broken = net.ErrClosed
			}
		})
		c.wd.set(time.Time{})
		c.rd.set(time.Time{})
		c.gone()
	})
	return nil
}

// reset fails both ends at once, as a RST would.
func (c *conn) reset() {
	for _, s := range []*stream{c.in, c.out} {
		s.update(func() {
			if s.broken == nil {
				s.broken = errReset
			}
		})
	}
}

// silence makes everything vanish that either end writes from now on; neither is told.
func (c *conn) silence() {
	for _, s := range []*stream{c.in, c.out} {
		s.update(func() { s.silent, s.segments = true, nil })
	}
}

func (c *conn) LocalAddr() net.Addr  { return c.local }
func (c *conn) RemoteAddr() net.Addr { return c.remote }

func (c *conn) SetDeadline(t time.Time) error {
	c.rd.set(t)
	c.wd.set(t)
	return nil
}

func (c *conn) SetReadDeadline(t time.Time) error {
	c.rd.set(t)
	return nil
}

func (c *conn) SetWriteDeadline(t time.Time) error {
	c.wd.set(t)
	return nil
}

var errRefused = errors.New("connection refused")
