package wsconform

import (
	"encoding/binary"
	"slices"
)

// Opcodes of RFC 6455 section 5.2.
const (
	opContinuation = 0x0
	opText         = 0x1
	opBinary       = 0x2
	opClose        = 0x8
	opPing         = 0x9
	opPong         = 0xA
)

// Bits of a frame's first two bytes.
const (
	fin  = 0x80
	rsv1 = 0x40
	rsv2 = 0x20
	rsv3 = 0x10
	mask = 0x80
)

// mostControl is the largest payload of a control frame.
const mostControl = 125

// key masks what the suite sends. Its bytes differ, so that a server that begins with the wrong one is noticed.
var key = [4]byte{0x37, 0xfa, 0x21, 0x3d} //nolint:gochecknoglobals // RFC 6455 section 5.7's example, never changed

// join puts frames together.
func join(parts ...[]byte) []byte { return slices.Concat(parts...) }

// frame is a masked frame of a client; first has FIN, RSV and opcode.
func frame(first byte, payload string) []byte {
	return sized(first, length(len(payload)), payload)
}

// sized is a frame with the length bytes given.
func sized(first byte, length []byte, payload string) []byte {
	b := append([]byte{first}, length...)
	b[1] |= mask
	b = append(b, key[:]...)
	for i := range len(payload) {
		b = append(b, payload[i]^key[i%4])
	}
	return b
}

// length is the shortest encoding of n.
func length(n int) []byte {
	switch {
	case n < 126:
		return []byte{byte(n)}
	case n < 1<<16:
		return length16(n)
	default:
		return length64(uint64(n))
	}
}

func length16(n int) []byte { return binary.BigEndian.AppendUint16([]byte{126}, uint16(n)) }

func length64(n uint64) []byte { return binary.BigEndian.AppendUint64([]byte{127}, n) }

func text(s string) []byte     { return frame(fin|opText, s) }
func binaryOf(s string) []byte { return frame(fin|opBinary, s) }
func ping(s string) []byte     { return frame(fin|opPing, s) }

// goodbye is a close frame with a code and a reason.
func goodbye(code int, reason string) []byte {
	return frame(fin|opClose, string(binary.BigEndian.AppendUint16(nil, uint16(code)))+reason)
}

// said is a text message, and data a binary one.
func said(s string) Message { return Message{true, []byte(s)} }
func data(s string) Message { return Message{false, []byte(s)} }

// firstData is the opcode of the first data frame among whole frames.
func firstData(b []byte) (op byte, ok bool) {
	for len(b) >= 2 {
		if op := b[0] & 0x0f; op == opText || op == opBinary {
			return op, true
		}
		if b[1]&0x7f > mostControl {
			return 0, false
		}
		n := 2 + int(b[1]&0x7f)
		if b[1]&mask != 0 {
			n += len(key)
		}
		b = b[min(n, len(b)):]
	}
	return 0, false
}
