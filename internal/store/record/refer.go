package record

import "github.com/throng-im/throng/internal/chat"

// What a message refers to is in the block of its entry, in fields from 40 on.
const (
	entryReply      = iota + 40 // seq of the message that it answers
	entryMentions               // users
	entryMentionAll             // 1
	entryPassed                 // 1
)

func referFields(w *fieldWriter, r *chat.Refers) {
	if r == nil {
		return
	}
	w.number(entryReply, uint64(r.ReplyTo))
	if len(r.Mentions) > 0 {
		w.field(entryMentions, func(b []byte) []byte { return appendUsers(b, r.Mentions) })
	}
	if r.All {
		w.number(entryMentionAll, 1)
	}
	if r.Passed {
		w.number(entryPassed, 1)
	}
}

// referField reads one of them into an entry; it is false for what is none.
func referField(what uint64, field *Reader, e *chat.Entry) bool {
	var r chat.Refers
	if e.Refers != nil {
		r = *e.Refers
	}
	switch what {
	case entryReply:
		r.ReplyTo = chat.Seq(field.Number())
	case entryMentions:
		r.Mentions = field.users()
	case entryMentionAll:
		r.All = field.Number() != 0
	case entryPassed:
		r.Passed = field.Number() != 0
	default:
		return false
	}
	e.Refers = &r
	return true
}
