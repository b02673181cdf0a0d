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
