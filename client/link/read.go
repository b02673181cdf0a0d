package link

import (
	"encoding/binary"
	"io"
	"unicode/utf8"

	"github.com/gobwas/ws"

	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

const throngv1Unsupported = throngv1.CloseCode_CLOSE_CODE_UNSUPPORTED

const (
	maxControl      = 125 // bytes of a control frame
	closeProtocol   = 1002
	closeKind       = 1003
	closeNoText     = 1007
	closeTooBig     = 1009
	closeNormal     = 1000
	closeNoStatus   = 1005
	maxHeader       = 10 // bytes of the header of an unmasked frame
	minHeader       = 2
	longHeader16    = 4
	finBit          = 0x80
	reservedBits    = 0x70
	opcodeBits      = 0x0f
	maskBit         = 0x80
	lengthBits      = 0x7f
	lengthIs16      = 126
	lengthIs64      = 127
	closeCodeLength = 2
)

// header is a frame's header as read.
type header struct {
	op  ws.OpCode
	fin bool
	n   int
}

// Read returns the next whole message. The slice is borrowed until the next Read. Pings are answered. The error is a
// *CloseError where the peer closed with a code.
func (l *Link) Read() ([]byte, error) {
	var parts []byte
	open := false
	for {
		h, err := l.header()
		if err != nil {
			return nil, err
		}
		if h.op.IsControl() {
			if err := l.control(h); err != nil {
				return nil, err
			}
			continue
		}
		if err := l.data(h, open); err != nil {
			return nil, err
		}
		if len(parts)+h.n > l.maxFrame {
			return nil, l.refuse(closeTooBig, "message too large")
		}
		b, err := l.payload(h.n)
		if err != nil {
			return nil, err
		}
		if h.fin && !open {
			return l.whole(b)
		}
		parts = append(parts, b...)
		if h.fin {
			return l.whole(parts)
		}
		open = true
	}
}

// data holds a data frame against what may come: the subprotocol's kind of message, and continuations within one only.
func (l *Link) data(h header, open bool) error {
	switch {
	case h.op > ws.OpBinary:
		return l.refuse(closeProtocol, "unknown opcode")
	case (h.op == ws.OpContinuation) != open:
		return l.refuse(closeProtocol, "continuation out of place")
	case h.op == ws.OpText && !l.json || h.op == ws.OpBinary && l.json:
		return l.refuse(closeKind, "the other kind of message")
	}
	return nil
}

// whole is a message that is complete.
func (l *Link) whole(b []byte) ([]byte, error) {
	if l.json && !utf8.Valid(b) {
		return nil, l.refuse(closeNoText, "text that is not UTF-8")
	}
	return b, nil
}

// header reads the next frame's header after it has dropped the payload that was lent before.
func (l *Link) header() (header, error) {
	if l.discard > 0 {
		if _, err := l.br.Discard(l.discard); err != nil {
			return header{}, err
		}
		l.discard = 0
	}
	b, err := l.br.Peek(minHeader)
	if err != nil {
		return header{}, err
	}
	h := header{op: ws.OpCode(b[0] & opcodeBits), fin: b[0]&finBit != 0, n: int(b[1] & lengthBits)}
	if b[0]&reservedBits != 0 || b[1]&maskBit != 0 {
		return header{}, l.refuse(closeProtocol, "reserved bit or mask set")
	}
	size := minHeader
	switch h.n {
	case lengthIs16:
		size = longHeader16
	case lengthIs64:
		size = maxHeader
	}
	if size > minHeader {
		if b, err = l.br.Peek(size); err != nil {
			return header{}, err
		}
		if h.n, err = l.length(b[minHeader:size]); err != nil {
			return header{}, err
		}
	}
	if _, err := l.br.Discard(size); err != nil {
		return header{}, err
	}
	l.received.Add(int64(size + h.n))
	return h, nil
}

// length reads an extended length, which must be in its shortest form.
func (l *Link) length(b []byte) (int, error) {
	if len(b) == longHeader16-minHeader {
		n := int(binary.BigEndian.Uint16(b))
		if n < lengthIs16 {
			return 0, l.refuse(closeProtocol, "length in more bytes than it needs")
		}
		return n, nil
	}
	n := binary.BigEndian.Uint64(b)
	switch {
	case n>>63 != 0, n < 1<<16:
		return 0, l.refuse(closeProtocol, "length in more bytes than it needs, or with its top bit set")
	case n > uint64(l.maxFrame):
		return 0, l.refuse(closeTooBig, "message too large")
	}
	return int(n), nil
}

// payload lends n bytes: from the read buffer where they fit, else from a buffer of their own.
func (l *Link) payload(n int) ([]byte, error) {
	if n <= l.br.Size() {
		b, err := l.br.Peek(n)
		l.discard = len(b)
		return b, err
	}
	if cap(l.big) < n || (cap(l.big) > keptBuffer && n <= keptBuffer) {
		l.big = make([]byte, n)
	}
	b := l.big[:n]
	_, err := io.ReadFull(l.br, b)
	return b, err
}

func (l *Link) control(h header) error {
	if h.n > maxControl || !h.fin {
		return l.refuse(closeProtocol, "control frame too long")
	}
	b, err := l.payload(h.n)
	if err != nil {
		return err
	}
	switch h.op {
	case ws.OpPing:
		return l.write(ws.OpPong, b, writeTimeout)
	case ws.OpClose:
		return l.goodbye(b)
	case ws.OpPong, ws.OpText, ws.OpBinary, ws.OpContinuation:
		return nil
	default:
		return l.refuse(closeProtocol, "unknown control frame")
	}
}

// goodbye answers the peer's close frame and returns what it says.
func (l *Link) goodbye(b []byte) error {
	e := &CloseError{Code: closeNoStatus}
	if len(b) > 0 {
		if len(b) < closeCodeLength {
			return l.refuse(closeProtocol, "close with half a code")
		}
		e.Code, e.Reason = int(binary.BigEndian.Uint16(b)), string(b[closeCodeLength:])
		if c := ws.StatusCode(e.Code); e.Code < closeNormal || c == ws.StatusNoStatusRcvd || c == ws.StatusAbnormalClosure {
			return l.refuse(closeProtocol, "a close code that may not be sent")
		}
		if !utf8.ValidString(e.Reason) {
			return l.refuse(closeNoText, "a reason that is not UTF-8")
		}
	}
	_ = l.Close(closeNormal, "")
	return e
}

func (l *Link) refuse(code int, reason string) error {
	_ = l.Close(code, reason)
	return &CloseError{Code: code, Reason: reason, Local: true}
}
