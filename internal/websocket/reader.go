package websocket

import (
	"github.com/gobwas/ws"
)

// Settings are what a connection takes. They are shared by all connections that agreed on the same and never change.
type Settings struct {
	// Max is the most bytes of a message, inflated, and of its compressed form too.
	Max int
	// Text and Binary say which kinds of messages are taken; the other kind closes with 1003.
	Text, Binary bool
	// Inflate is set where permessage-deflate was agreed on. It is shared by all readers.
	Inflate *Inflater
}

// Event is what came: a whole message (OpText or OpBinary), or a control frame (OpPing, OpPong, OpClose). The payload is
// borrowed: it is good until the next call of the reader, and until the buffer that was read into is read into again.
type Event struct {
	Op      ws.OpCode
	Payload []byte
}

// Reader reads the frames of one connection out of the bytes it is given. Its zero value is ready. It is owned by whoever
// reads the connection.
type Reader struct {
	// owned by the reader
	part  *part // nil between messages
	state state
}

// state is what the reader remembers of a message in fragments.
type state uint8

const (
	fragmented state = 1 << iota // a message has begun and not ended
	compressed                   // it is compressed
	text                         // it is text
)

// part is what has arrived of what is not complete.
type part struct {
	buf     []byte // buf[off:] has arrived and is not handled: the front of a frame
	off     int
	message []byte // the payloads of a message's fragments
	valid   int    // message[:valid] is UTF-8
}

// Next returns the next event of the bytes that were kept and of b, and what of b stands behind it. Where ok is false, all of b
// was taken: the reader has kept what is of an incomplete frame. It unmasks in place, in b. After an error, a [*Breach], the
// connection is to be closed and nothing more to be read.
func (r *Reader) Next(s *Settings, b []byte) (ev Event, rest []byte, ok bool, err error) {
	for {
		h, payload, rest, ok, err := r.frame(s, b)
		if !ok || err != nil {
			return Event{}, nil, false, err
		}
		b = rest
		ws.Cipher(payload, h.Mask, 0)
		if h.OpCode.IsControl() {
			return Event{h.OpCode, payload}, b, true, nil
		}
		ev, ok, err := r.assemble(s, h, payload)
		if ok || err != nil {
			return ev, b, ok, err
		}
	}
}

// Keep takes bytes that are not to be handled yet, because the connection's requests have to wait; Next goes on with them.
func (r *Reader) Keep(b []byte) {
	if len(b) > 0 {
		r.keep(b, 0)
	}
}

// Kept reports that Next may have an event without further bytes, because Keep was called.
func (r *Reader) Kept() bool { return r.part != nil && len(r.part.buf) > r.part.off }

// Missing is how many bytes the frame at hand still needs, as far as that is known: a hint for how much to read at once.
func (r *Reader) Missing(s *Settings) int {
	if !r.Kept() {
		return 0
	}
	front := r.part.buf[r.part.off:]
	_, _, need, err := r.header(s, front)
	if err != nil {
		return 0
	}
	return max(need-len(front), 0)
}

// Held is how much memory the reader holds.
func (r *Reader) Held() int {
	if r.part == nil {
		return 0
	}
	return cap(r.part.buf) + cap(r.part.message)
}

// frame cuts the next whole frame off what was kept and b.
func (r *Reader) frame(s *Settings, b []byte) (h ws.Header, payload, rest []byte, ok bool, err error) {
	if !r.Kept() {
		h, size, need, err := r.header(s, b)
		switch {
		case err != nil:
			return h, nil, nil, false, err
		case len(b) >= need:
			return h, b[size:need], b[need:], true, nil
		}
		r.Keep(b)
		return h, nil, nil, false, nil
	}
	for p := r.part; ; {
		h, size, need, err := r.header(s, p.buf[p.off:])
		if err != nil {
			return h, nil, nil, false, err
		}
		missing := need - (len(p.buf) - p.off)
		switch {
		case missing <= 0:
			return h, r.take(size, need), b, true, nil
		case len(b) == 0:
			return h, nil, nil, false, nil
		}
		// No more than the frame needs: what follows it is parsed where it lies.
		n := min(missing, len(b))
		r.keep(b[:n], need)
		b = b[n:]
	}
}

// keep appends to what is kept. The buffer doubles as bytes arrive, whatever length a header claims, and does not grow beyond
// the frame.
func (r *Reader) keep(b []byte, need int) {
	if r.part == nil {
		r.part = new(part)
	}
	p := r.part
	old := p.buf[p.off:]
	if len(p.buf)+len(b) > cap(p.buf) {
		all := len(old) + len(b)
		grown := all
		if need > all {
			grown = min(max(2*len(old), all), need)
		}
		p.buf, p.off = append(make([]byte, 0, grown), old...), 0
	}
	p.buf = append(p.buf, b...)
}

// take cuts a frame off what is kept and returns its payload, which the reader forgets.
func (r *Reader) take(size, need int) []byte {
	p := r.part
	payload := p.buf[p.off+size : p.off+need]
	p.off += need
	if p.off == len(p.buf) {
		p.buf, p.off = nil, 0
		r.settle()
	}
	return payload
}

// settle gives up the part when it holds nothing.
func (r *Reader) settle() {
	if r.part != nil && r.part.buf == nil && r.state&fragmented == 0 {
		r.part = nil
	}
}

func (r *Reader) fragments() int {
	if r.part == nil {
		return 0
	}
	return len(r.part.message)
}
