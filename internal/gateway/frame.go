package gateway

import (
	"encoding/binary"
	"unicode/utf8"

	"github.com/gobwas/ws"

	"github.com/throng-im/throng/internal/session"
)

// framing reads the frames of RFC 6455 out of a stream of bytes: strict, without I/O, allocating no more than has arrived.
// It is owned by whoever reads the connection.
type framing struct {
	// immutable after construction
	max  int  // bytes of a message
	text bool // messages are text; binary otherwise

	// owned by the reader
	buf        []byte // bytes read and not consumed: buf[r:w]
	r, w       int
	message    []byte // fragments of a message
	fragmented bool
}

// readBuffer is what a connection reads into; it grows with a larger frame and shrinks after it.
const readBuffer = 2 << 10

// event is what came: a whole message, or a control frame. The payload is borrowed until the next call.
type event struct {
	op      ws.OpCode
	payload []byte
}

// breach is a violation that closes the connection with its code.
type breach struct {
	code   ws.StatusCode
	reason string
}

// Error implements error.
func (b *breach) Error() string { return b.reason }

func protocolError(reason string) *breach { return &breach{ws.StatusProtocolError, reason} }

// space returns room to read into; give the number of bytes read to fill.
func (f *framing) space() []byte {
	if f.r == f.w {
		f.r, f.w = 0, 0
		if len(f.buf) != readBuffer {
			f.buf = make([]byte, readBuffer)
		}
	}
	if f.w == len(f.buf) {
		if f.r > 0 {
			f.w = copy(f.buf, f.buf[f.r:f.w])
			f.r = 0
		} else {
			// A frame larger than the buffer: what has arrived doubles, whatever length it claims.
			grown := make([]byte, 2*len(f.buf))
			f.w = copy(grown, f.buf[:f.w])
			f.buf = grown
		}
	}
	return f.buf[f.w:]
}

func (f *framing) fill(n int) { f.w += n }

// next returns the next event of what was read; ok is false where more bytes are needed.
func (f *framing) next() (ev event, ok bool, err error) {
	for {
		h, size, ok, err := f.header()
		if !ok || err != nil {
			return event{}, false, err
		}
		if f.w-f.r < size+int(h.Length) {
			return event{}, false, nil
		}
		payload := f.buf[f.r+size : f.r+size+int(h.Length)]
		f.r += size + int(h.Length)
		ws.Cipher(payload, h.Mask, 0)
		if h.OpCode.IsControl() {
			return event{h.OpCode, payload}, true, nil
		}
		if payload, ok = f.assemble(h, payload); !ok {
			continue
		}
		if f.text && !utf8.Valid(payload) {
			return event{}, false, &breach{ws.StatusInvalidFramePayloadData, "text is not UTF-8"}
		}
		return event{ws.OpBinary, payload}, true, nil
	}
}

// assemble puts a data frame to its message; ok is true where that is complete.
func (f *framing) assemble(h ws.Header, payload []byte) (message []byte, ok bool) {
	if h.Fin && !f.fragmented {
		return payload, true
	}
	if !f.fragmented {
		f.message = f.message[:0]
	}
	f.message = append(f.message, payload...)
	if f.fragmented = !h.Fin; f.fragmented {
		return nil, false
	}
	message, f.message = f.message, nil
	return message, true
}

// header parses and checks the header at the front; size is its length.
func (f *framing) header() (h ws.Header, size int, ok bool, err error) {
	b := f.buf[f.r:f.w]
	if len(b) < 2 {
		return h, 0, false, nil
	}
	h = ws.Header{
		Fin: b[0]&0x80 != 0, Rsv: b[0] & 0x70 >> 4, OpCode: ws.OpCode(b[0] & 0x0f), Masked: b[1]&0x80 != 0,
		Length: int64(b[1] & 0x7f),
	}
	size = 2
	switch h.Length {
	case 126:
		size = 4
	case 127:
		size = 10
	}
	// Everything that the first two bytes can tell is told before more are waited for.
	check := h
	if h.Length > 125 {
		check.Length = 126
	}
	st := ws.StateServerSide
	if f.fragmented {
		st = st.Set(ws.StateFragmented)
	}
	if err := ws.CheckHeader(check, st); err != nil {
		return h, 0, false, protocolError(err.Error())
	}
	if h.OpCode == ws.OpText && !f.text || h.OpCode == ws.OpBinary && f.text {
		return h, 0, false, &breach{ws.StatusUnsupportedData, "the subprotocol uses the other kind of message"}
	}
	if len(b) < size {
		return h, 0, false, nil
	}
	if h.Length, err = length(b, size, h.Length); err != nil {
		return h, 0, false, err
	}
	if !h.OpCode.IsControl() && h.Length > int64(f.max-len(f.message)*btoi(f.fragmented)) {
		return h, 0, false, &breach{ws.StatusMessageTooBig, "the message is too big"}
	}
	if len(b) < size+4 {
		return h, 0, false, nil
	}
	copy(h.Mask[:], b[size:])
	return h, size + 4, true, nil
}

// length reads an extended length, which must be in its shortest form.
func length(b []byte, size int, short int64) (int64, error) {
	switch size {
	case 4:
		n := int64(binary.BigEndian.Uint16(b[2:]))
		if n < 126 {
			return 0, protocolError("a length in more bytes than it needs")
		}
		return n, nil
	case 10:
		n := binary.BigEndian.Uint64(b[2:])
		if n>>63 != 0 || n < 1<<16 {
			return 0, protocolError("a length in more bytes than it needs, or with its top bit set")
		}
		return int64(n), nil
	default:
		return short, nil
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// closeFrame checks the payload of a close frame and returns the code to answer with.
func closeFrame(payload []byte) (ws.StatusCode, error) {
	if len(payload) == 0 {
		return ws.StatusNormalClosure, nil
	}
	if len(payload) == 1 {
		return 0, protocolError("a close frame with half a code")
	}
	code, reason := ws.ParseCloseFrameData(payload)
	if !utf8.ValidString(reason) {
		return 0, &breach{ws.StatusInvalidFramePayloadData, "a close reason that is not UTF-8"}
	}
	switch {
	case code >= 3000 && code <= 4999:
	case code >= 1000 && code <= 1003, code >= 1007 && code <= 1014:
	default:
		return 0, protocolError("a close code that may not be sent")
	}
	return code, nil
}

// appendControl appends a control frame of the server.
func appendControl(dst []byte, op ws.OpCode, payload []byte) []byte {
	dst = append(dst, 0x80|byte(op), byte(len(payload)))
	return append(dst, payload...)
}

// appendClose appends a close frame.
func appendClose(dst []byte, code ws.StatusCode, reason string) []byte {
	if len(reason) > ws.MaxControlFramePayloadSize-2 {
		reason = ""
	}
	return appendControl(dst, ws.OpClose, ws.NewCloseFrameBody(code, reason))
}

// seal writes the WebSocket header into the headroom of a frame and returns the frame from the header on.
func seal(frame []byte, text bool) []byte {
	n := len(frame) - session.Headroom
	op := byte(0x80) | byte(ws.OpBinary)
	if text {
		op = byte(0x80) | byte(ws.OpText)
	}
	switch {
	case n < 126:
		frame[session.Headroom-2], frame[session.Headroom-1] = op, byte(n)
		return frame[session.Headroom-2:]
	case n < 1<<16:
		frame[session.Headroom-4], frame[session.Headroom-3] = op, 126
		binary.BigEndian.PutUint16(frame[session.Headroom-2:], uint16(n))
		return frame[session.Headroom-4:]
	default:
		frame[session.Headroom-10], frame[session.Headroom-9] = op, 127
		binary.BigEndian.PutUint64(frame[session.Headroom-8:], uint64(n))
		return frame[session.Headroom-10:]
	}
}
