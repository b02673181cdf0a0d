package message

import (
	"slices"

	"github.com/throng-im/throng/internal/chat"
)

// held is the end of one conversation's log: its head and, contiguous up to it, the newest entries. [recent] guards it.
type held struct {
	id   chat.ConversationID
	head chat.Head
	// ready is the position that followers must have come to before this may be read: what was read from the log may be ahead
	// of the events, and of the member changes among them.
	ready chat.Position
	// filled: what came before the first event that was seen, or before the head that was read, has been asked for.
	filled bool
	// entries are ascending, the last one is the head's. Readers keep the slice when they let go of the lock: what is in it is
	// never written to, only behind its end.
	entries []*chat.Entry
	gone    int // dropped in front, of the same array
	bytes   int

	newer, older *held // in the order of use
}

// ring is what a reader takes with it.
type ring []*chat.Entry

// weigh is about what an entry takes in memory: cheap, since each is weighed when it comes and when it goes.
func weigh(e *chat.Entry) int { return weight(&chat.Draft{Body: e.Body}) }

// usersOf are the users whose membership an entry may have changed.
func usersOf(b chat.Body) []chat.UserID {
	switch b := b.(type) {
	case chat.Created:
		return b.Members
	case chat.MembersChanged:
		return b.Users
	default:
		return nil
	}
}

// follow adds the entry of an event. It reports false where something before it is missing.
func (h *held) follow(e *chat.Entry, head chat.Head, most int) bool {
	if e.Seq <= h.head.Seq {
		return true // read from the log already
	}
	if e.Seq != h.head.Seq+1 {
		return false
	}
	h.entries = append(h.entries, e)
	h.bytes += weigh(e)
	h.head = head
	h.trim(most)
	return true
}

// amend replaces the entries that another one amends. Readers keep theirs.
func (h *held) amend(by *chat.Entry, amended []chat.Seq) {
	cloned := false
	for _, seq := range amended {
		if len(h.entries) == 0 || seq < h.entries[0].Seq || seq > h.entries[len(h.entries)-1].Seq {
			continue
		}
		at := seq - h.entries[0].Seq
		now, changed := chat.Amend(*h.entries[at], by)
		if !changed {
			continue
		}
		if !cloned {
			h.entries, h.gone, cloned = slices.Clone(h.entries), 0, true
		}
		h.bytes += weigh(&now) - weigh(h.entries[at])
		h.entries[at] = &now
	}
}

// extend puts older entries in front, which must reach up to the first one.
func (h *held) extend(older []chat.Entry, most int) {
	first := h.head.Seq + 1
	if len(h.entries) > 0 {
		first = h.entries[0].Seq
	}
	end := len(older)
	for end > 0 && older[end-1].Seq >= first {
		end--
	}
	if end == 0 || older[end-1].Seq+1 != first {
		return
	}
	all := make([]*chat.Entry, 0, end+len(h.entries))
	for i := range older[:end] {
		e := older[i] // a copy of its own, which lives as long as it is held
		all = append(all, &e)
		h.bytes += weigh(&e)
	}
	h.entries, h.gone = append(all, h.entries...), 0
	h.trim(most)
}

// trim drops the oldest entries; the newest one stays whatever its size. The array is left to its readers once half of it
// is dead.
func (h *held) trim(most int) {
	n := 0
	for h.bytes > most && n < len(h.entries)-1 {
		h.bytes -= weigh(h.entries[n])
		n++
	}
	h.entries = h.entries[n:]
	if h.gone += n; h.gone > len(h.entries) {
		h.entries, h.gone = slices.Clone(h.entries), 0
	}
}

// cut returns the entries of a span in copies, where the ring holds all of them.
func (r ring) cut(from, to chat.Seq) ([]chat.Entry, bool) {
	if len(r) == 0 || from < r[0].Seq || to > r[len(r)-1].Seq || from > to {
		return nil, false
	}
	out := make([]chat.Entry, 0, to-from+1)
	for _, e := range r[from-r[0].Seq:][:to-from+1] {
		out = append(out, *e)
	}
	return out, true
}
