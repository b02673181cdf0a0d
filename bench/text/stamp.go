package text

import (
	"hash/crc32"
)

// A text: sender, counter, due time and checksum in hexadecimal digits, then prose.
//
//	0        8        16               32       40
//	sender   counter  due, ns          CRC-32   prose …
const (
	atCounter = 8
	atDue     = 16
	atSum     = 32
	// MinBytes is the shortest text: a stamp without prose.
	MinBytes  = 40
	digits    = "0123456789abcdef"
	nibble    = 4
	lowNibble = 15
)

// Stamp is what a text says.
type Stamp struct {
	// Sender and Counter name the message: each sender counts its own.
	Sender, Counter uint32
	// Due is when it was to be sent, in nanoseconds since the run began.
	Due int64
}

// Write fills text, of which the rest is kept.
func (s Stamp) Write(text []byte) {
	putHex(text[:atCounter], uint64(s.Sender))
	putHex(text[atCounter:atDue], uint64(s.Counter))
	putHex(text[atDue:atSum], uint64(s.Due))
	putHex(text[atSum:MinBytes], uint64(checksum(text)))
}

// Read returns what a text says; ok is false for damaged ones.
func Read(text []byte) (s Stamp, ok bool) {
	if len(text) < MinBytes {
		return s, false
	}
	sender, ok1 := getHex(text[:atCounter])
	counter, ok2 := getHex(text[atCounter:atDue])
	due, ok3 := getHex(text[atDue:atSum])
	sum, ok4 := getHex(text[atSum:MinBytes])
	if !ok1 || !ok2 || !ok3 || !ok4 || uint32(sum) != checksum(text) {
		return s, false
	}
	return Stamp{Sender: uint32(sender), Counter: uint32(counter), Due: int64(due)}, true
}

// checksum is that of everything but itself.
func checksum(text []byte) uint32 {
	return crc32.Update(crc32.ChecksumIEEE(text[:atSum]), crc32.IEEETable, text[MinBytes:])
}

func putHex(dst []byte, v uint64) {
	for i := len(dst) - 1; i >= 0; i-- {
		dst[i] = digits[v&lowNibble]
		v >>= nibble
	}
}

func getHex(src []byte) (v uint64, ok bool) {
	for _, c := range src {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		default:
			return 0, false
		}
		v = v<<nibble | uint64(c)
	}
	return v, true
}
