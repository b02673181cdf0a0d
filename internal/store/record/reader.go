package record

import (
	"encoding/binary"

	"github.com/throng-im/throng/internal/chat"
)

// Reader takes a record apart, field by field in the order of their writing. After the first field that is not there, all
// further ones are zero: a caller reads on to the end and asks [Reader.Done] once. It borrows the bytes it is given, which are
// the engine's; what its methods return is copied out of them.
type Reader struct {
	b      []byte
	broken bool
}

// NewReader returns a reader of a row's value.
func NewReader(value []byte) Reader { return Reader{b: value} }

// Number reads a varint.
func (r *Reader) Number() uint64 {
	n, size := binary.Uvarint(r.b)
	if size <= 0 {
		r.broken, r.b = true, nil
		return 0
	}
	r.b = r.b[size:]
	return n
}

func (r *Reader) byte() byte {
	if len(r.b) == 0 {
		r.broken = true
		return 0
	}
	c := r.b[0]
	r.b = r.b[1:]
	return c
}

// raw returns the next n bytes, borrowed.
func (r *Reader) raw(n uint64) []byte {
	if n > uint64(len(r.b)) {
		r.broken, r.b = true, nil
		return nil
	}
	out := r.b[:n]
	r.b = r.b[n:]
	return out
}

func (r *Reader) string() string { return string(r.raw(r.Number())) }

// count reads the length of a list whose items have at least one byte each: so that a damaged row allocates little.
func (r *Reader) count() int {
	n := r.Number()
	if n > uint64(len(r.b)) {
		r.broken, r.b = true, nil
		return 0
	}
	return int(n)
}

// Done reports that the record held what it should, and nothing more.
func (r *Reader) Done() bool { return !r.broken && len(r.b) == 0 }

// More reports that another record follows in a row that holds several. A broken one has none.
func (r *Reader) More() bool { return !r.broken && len(r.b) > 0 }

// Broken reports that a field was missing.
func (r *Reader) Broken() bool { return r.broken }

// Skip passes over what is left of a row whose beginning was enough.
func (r *Reader) Skip() { r.b = nil }

// bytes returns a copy; nil where there are none.
func (r *Reader) bytes() []byte { return append([]byte(nil), r.raw(r.Number())...) }

func (r *Reader) users() []chat.UserID {
	n := r.count()
	if n == 0 {
		return nil
	}
	out := make([]chat.UserID, n)
	for i := range out {
		out[i] = chat.UserID(r.Number())
	}
	return out
}

func (r *Reader) optional() *string {
	if r.byte() == 0 {
		return nil
	}
	s := r.string()
	return &s
}

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func appendOptional(b []byte, s *string) []byte {
	if s == nil {
		return append(b, 0)
	}
	return appendString(append(b, 1), *s)
}

func appendStrings(b []byte, all ...string) []byte {
	for _, s := range all {
		b = appendString(b, s)
	}
	return b
}

func appendNumbers(b []byte, all ...uint64) []byte {
	for _, n := range all {
		b = binary.AppendUvarint(b, n)
	}
	return b
}

func appendUsers(b []byte, users []chat.UserID) []byte {
	b = binary.AppendUvarint(b, uint64(len(users)))
	for _, u := range users {
		b = binary.AppendUvarint(b, uint64(u))
	}
	return b
}

func flag(set bool) byte {
	if set {
		return 1
	}
	return 0
}
