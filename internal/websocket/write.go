package websocket

import (
	"encoding/binary"

	"github.com/gobwas/ws"
)

// Headroom is the most bytes that a frame's header takes: a payload that is to be sealed begins behind as many.
const Headroom = 10

// DataOp is the kind of a data message.
func DataOp(text bool) ws.OpCode {
	if text {
		return ws.OpText
	}
	return ws.OpBinary
}

// Seal writes the header of a whole message into the headroom of a frame and returns the frame from the header on. op is
// OpText or OpBinary.
func Seal(frame []byte, op ws.OpCode) []byte { return seal(frame, 0x80|byte(op)) }

// SealCompressed is Seal for a payload that a [Deflater] made.
func SealCompressed(frame []byte, op ws.OpCode) []byte { return seal(frame, 0x80|rsv1<<4|byte(op)) }

func seal(frame []byte, first byte) []byte {
	n := len(frame) - Headroom
	switch {
	case n < 126:
		frame[Headroom-2], frame[Headroom-1] = first, byte(n)
		return frame[Headroom-2:]
	case n < 1<<16:
		frame[Headroom-4], frame[Headroom-3] = first, 126
		binary.BigEndian.PutUint16(frame[Headroom-2:], uint16(n))
		return frame[Headroom-4:]
	default:
		frame[Headroom-10], frame[Headroom-9] = first, 127
		binary.BigEndian.PutUint64(frame[Headroom-8:], uint64(n))
		return frame[Headroom-10:]
	}
}

// AppendControl appends a control frame. Its payload is at most 125 bytes.
func AppendControl(dst []byte, op ws.OpCode, payload []byte) []byte {
	dst = append(dst, 0x80|byte(op), byte(len(payload)))
	return append(dst, payload...)
}

// AppendClose appends a close frame. A reason that does not fit is left out: half a sentence may not be UTF-8.
func AppendClose(dst []byte, code ws.StatusCode, reason string) []byte {
	if len(reason) > ws.MaxControlFramePayloadSize-2 {
		reason = ""
	}
	return AppendControl(dst, ws.OpClose, ws.NewCloseFrameBody(code, reason))
}
