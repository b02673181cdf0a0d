package mysql

import (
	"maps"
	"slices"

	"github.com/throng-im/throng/internal/chat"
)

// Noted says which rows a change of a slot that is being copied is about. Their numbers are stored.
type Noted uint8

// What is noted, with its key.
const (
	NotedEntry        Noted = iota + 1 // conversation, seq
	NotedRepeat                        // conversation, sender, client id
	NotedMember                        // conversation, user: the member and the leader
	NotedConversation                  // conversation: its head, and what stands about it
	NotedUser                          // user: everything in the user's slot
)

// notes are the changes that a transaction stores beside them.
type notes struct{ rows text }

func (n *notes) add(kind slotKind, slot chat.Slot, what Noted, a, b uint64, c []byte) {
	n.rows.open(len(n.rows.b) == 0).number(uint64(kind)).add(",").number(uint64(slot)).add(",").number(uint64(what)).add(",").number(a).add(",").
		number(b).add(",").blob(c).add(")")
}

// users notes those of a guard whose slots are being copied.
func (n *notes) users(g *guard) {
	for _, user := range g.users {
		if g.copied[user.Slot()] {
			n.add(slotUser, user.Slot(), NotedUser, uint64(user), 0, nil)
		}
	}
}

// with returns statements, if any, with the one that stores the notes behind them.
func (n *notes) with(query string) string {
	if len(n.rows.b) == 0 {
		return query
	}
	if query != "" {
		query += ";"
	}
	query += "INSERT INTO slot_change (kind, slot, what, a, b, c) VALUES " + n.rows.String()
	n.rows.b = n.rows.b[:0]
	return query
}

// note notes what a decision changed in slots that are being copied.
func (c *decision) note(n *notes, copied map[chat.Slot]bool) {
	if len(copied) == 0 {
		return
	}
	add := func(id chat.ConversationID, what Noted, b uint64, client []byte) {
		if copied[id.Slot()] {
			n.add(slotConversation, id.Slot(), what, uint64(id), b, client)
		}
	}
	for _, e := range c.entries {
		add(e.Conversation, NotedEntry, uint64(e.Seq), nil)
	}
	for _, k := range c.targets() {
		if c.olds[k].changed {
			add(k.conversation, NotedEntry, uint64(k.seq), nil)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(c.heads)) {
		if row := c.abouts[id]; c.heads[id].changed || row != nil && row.changed {
			add(id, NotedConversation, 0, nil)
		}
	}
	for _, k := range slices.SortedFunc(maps.Keys(c.repeats), compareRepeats) {
		if c.repeats[k].changed {
			add(k.Conversation, NotedRepeat, uint64(k.Sender), k.Client[:])
		}
	}
	for _, k := range sorted(c.parts, partKey.compare) {
		if c.parts[k].changed {
			add(k.conversation, NotedMember, uint64(k.user), nil)
		}
	}
}
