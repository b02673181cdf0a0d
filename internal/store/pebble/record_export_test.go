package pebble

import (
	"github.com/throng-im/throng/internal/chat"
)

// AppendEntry and ReadEntry are the codec of stored entries, for tests.
func AppendEntry(b []byte, e *chat.Entry) []byte { return appendEntry(b, e) }

// ReadEntry decodes what AppendEntry wrote.
func ReadEntry(id chat.ConversationID, seq chat.Seq, value []byte) (chat.Entry, error) {
	return decodeEntry(keyEntry(id, seq), value)
}

// ReadRows decodes bytes as each kind of row in turn; it must never do worse than fail.
func ReadRows(value []byte) {
	for _, read := range []func(r *reader){
		func(r *reader) { r.head(1) },
		func(r *reader) { r.part(1) },
		func(r *reader) { r.repeat() },
		func(r *reader) { r.conversation(1) },
		func(r *reader) { r.event() },
	} {
		read(&reader{b: value})
	}
}
