package record

import "github.com/throng-im/throng/internal/chat"

// streamVersion begins every event of a stream: events there are read by nodes of another version than the one that wrote them.
const streamVersion = 1

// AppendStreamEvent writes an event as streams between nodes carry it: with its entry, for who reads it has no rows at hand.
func AppendStreamEvent(b []byte, ev chat.Event) []byte {
	b = AppendEvent(append(b, streamVersion), ev)
	if ev.Entry != nil {
		b = AppendEntry(b, ev.Entry) // to the end
	}
	return b
}

// StreamEvent reads an event of a stream. One that a later version wrote is unsupported; one that does not decode is damaged.
func StreamEvent(value []byte) (chat.Event, error) {
	r := NewReader(value)
	if version := r.byte(); version != streamVersion && !r.Broken() {
		return chat.Event{}, chat.Errorf(chat.CodeUnsupported, chat.ReasonUnsupported, "an event of version %d; this node reads %d", version, streamVersion)
	}
	ev, named := r.Event()
	if named {
		entry := r.Entry(ev.Head.Conversation, ev.Head.Seq)
		ev.Entry = &entry
	}
	if !r.Done() {
		return chat.Event{}, ErrDamaged("event of a stream")
	}
	return ev, nil
}
