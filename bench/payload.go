package bench

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
	minText   = 40
	digits    = "0123456789abcdef"
	nibble    = 4
	lowNibble = 15
)

// stamp is what a text says.
type stamp struct {
	sender, counter uint32
	due             int64 // nanoseconds since the run began
}

// write fills text, of which the rest is kept.
func (s stamp) write(text []byte) {
	putHex(text[:atCounter], uint64(s.sender))
	putHex(text[atCounter:atDue], uint64(s.counter))
	putHex(text[atDue:atSum], uint64(s.due))
	putHex(text[atSum:minText], uint64(checksum(text)))
}

// readStamp returns what a text says; ok is false for damaged ones.
func readStamp(text []byte) (s stamp, ok bool) {
	if len(text) < minText {
		return s, false
	}
	sender, ok1 := getHex(text[:atCounter])
	counter, ok2 := getHex(text[atCounter:atDue])
	due, ok3 := getHex(text[atDue:atSum])
	sum, ok4 := getHex(text[atSum:minText])
	if !ok1 || !ok2 || !ok3 || !ok4 || uint32(sum) != checksum(text) {
		return s, false
	}
	return stamp{sender: uint32(sender), counter: uint32(counter), due: int64(due)}, true
}

// checksum is that of everything but itself.
func checksum(text []byte) uint32 {
	return crc32.Update(crc32.ChecksumIEEE(text[:atSum]), crc32.IEEETable, text[minText:])
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
