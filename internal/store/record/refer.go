package record

import "github.com/throng-im/throng/internal/chat"

// What a message refers to is in the block of its entry, in fields from 40 on.
const (
	entryReply = iota + 40 // seq of the message that it answers
)

func referFields(w *fieldWriter, r *chat.Refers) {
	w.number(entryReply, uint64(r.Reply()))
}

// referField reads one of them into an entry; it is false for what is none.
func referField(what uint64, field *Reader, e *chat.Entry) bool {
	if what != entryReply {
		return false
	}
	refers := func() *chat.Refers {
		if e.Refers == nil {
			e.Refers = new(chat.Refers)
		}
		return e.Refers
	}
	refers().ReplyTo = chat.Seq(field.Number())
	return true
}
