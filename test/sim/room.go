package sim

import (
	"fmt"
	"slices"

	"github.com/throng-im/throng/client"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
	"github.com/throng-im/throng/test/history"
)

// room is a conversation of the world.
type room struct {
	id client.ConversationID
	// changing: members come and go. Entries stand in its log that nobody sent, and a page may leave some out: its history
	// is not judged, its streams are.
	changing bool
	group    bool
}

// addRoom notes a conversation; it is there already where two have opened the same.
func (w *World) addRoom(c *throngv1.Conversation, changing bool) {
	r := room{id: client.ConversationID(c.GetId()), changing: changing, group: c.GetKind() == throngv1.Kind_KIND_GROUP}
	w.mu.Lock()
	known := slices.ContainsFunc(w.rooms, func(o room) bool { return o.id == r.id })
	if !known {
		w.rooms = append(w.rooms, r)
	}
	w.mu.Unlock()
	if !known && !changing {
		w.history.Invoke(history.Op{Kind: history.Append, Client: -1, Conversation: c.GetId(), Key: "*throngv1.Entry_Created"}).
			OK(func(o *history.Op) { o.Seq = 1 })
	}
}

func (w *World) allRooms() []room {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.rooms)
}

// opened notes a direct conversation, of which there is one for each two users.
func (w *World) opened(a, b client.UserID, c *throngv1.Conversation) error {
	pair := [2]client.UserID{min(a, b), max(a, b)}
	id := client.ConversationID(c.GetId())
	w.mu.Lock()
	was, known := w.directs[pair]
	w.directs[pair] = id
	w.mu.Unlock()
	if known && was != id {
		return fmt.Errorf("users %d and %d have the direct conversations %d and %d", a, b, was, id)
	}
	w.addRoom(c, false)
	return nil
}

// record notes an operation.
func (w *World) record(r room, op history.Op) *history.Pending {
	op.Conversation = uint64(r.id)
	if r.changing {
		return new(history.Log).Invoke(op)
	}
	return w.history.Invoke(op)
}
