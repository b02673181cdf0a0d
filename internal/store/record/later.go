package record

import "github.com/throng-im/throng/internal/chat"

// later reads the block of a later version that the flags announce. What it says is not known here: who changes the record keeps it.
func (r *Reader) later(flags byte) chat.Later {
	if flags&flagLater == 0 {
		return ""
	}
	block := r.string()
	if block == "" {
		r.broken = true // nobody writes an empty one
	}
	return chat.Later(block)
}

// appendLater writes the block that [flagLater] has announced; none where there is nothing to keep.
func appendLater(b []byte, block chat.Later) []byte {
	if block == "" {
		return b
	}
	return appendString(b, string(block))
}

// fields reads a block of fields, each a number that says what it is, a length and that many bytes, and returns those that take does not
// know, as they were: who changes the record writes them back behind its own. What is left of a field that take knows is of a later version,
// and is let go.
func (r *Reader) fields(block chat.Later, take func(what uint64, field *Reader) bool) (unknown chat.Later) {
	in := NewReader([]byte(block))
	for in.More() {
		whole := in.b
		what := in.Number()
		field := NewReader(in.raw(in.Number()))
		if in.broken {
			break
		}
		if !take(what, &field) {
			unknown += chat.Later(whole[:len(whole)-len(in.b)])
		}
		in.broken = in.broken || field.broken
	}
	r.broken = r.broken || in.broken
	return unknown
}
