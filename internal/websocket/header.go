package websocket

import (
	"encoding/binary"

	"github.com/gobwas/ws"
)

// maskBytes is the length of the mask, which every frame of a client has.
const maskBytes = 4

// header parses and checks the frame header at the front of b. need is how many bytes b must have for the next step: more
// than b has where the header is not complete, else header and payload together. What the bytes at hand can tell is told
// before more are waited for.
func (r *Reader) header(s *Settings, b []byte) (h ws.Header, size, need int, err error) {
	if len(b) < 2 {
		return h, 0, 2, nil
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
	if err := r.check(s, h); err != nil {
		return h, 0, 0, err
	}
	if len(b) < size {
		return h, 0, size, nil
	}
	if h.Length, err = length(b, size, h.Length); err != nil {
		return h, 0, 0, err
	}
	if !h.OpCode.IsControl() && h.Length > int64(s.Max-r.fragments()) {
		return h, 0, 0, tooBig()
	}
	size += maskBytes
	if len(b) >= size {
		copy(h.Mask[:], b[size-maskBytes:])
	}
	return h, size, size + int(h.Length), nil
}

// check holds the first two bytes against RFC 6455 section 5.2, RFC 7692 section 6 and what the connection agreed on.
func (r *Reader) check(s *Settings, h ws.Header) error {
	h.Length = min(h.Length, 126) // the real one is not known yet; 126 is more than a control frame may have
	// RSV1 of a message's first frame says that the message is compressed; it means nothing on other frames.
	if s.Inflate != nil && h.Rsv == rsv1 && (h.OpCode == ws.OpText || h.OpCode == ws.OpBinary) {
		h.Rsv = 0
	}
	if mutant == mutantReservedIgnored {
		h.Rsv &= rsv1
	}
	if mutant == mutantUnmaskedAccepted {
		h.Masked = true
	}
	state := ws.StateServerSide
	if r.state&fragmented != 0 {
		state = state.Set(ws.StateFragmented)
	}
	if err := ws.CheckHeader(h, state); err != nil {
		return protocolError(err.Error())
	}
	if h.OpCode == ws.OpText && !s.Text || h.OpCode == ws.OpBinary && !s.Binary {
		return &Breach{ws.StatusUnsupportedData, "the subprotocol uses the other kind of message"}
	}
	return nil
}

// rsv1 is the first reserved bit as [ws.Header] has it.
const rsv1 = 4

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
