package timeline

import (
	"sync"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/lru"
)

// marks remembers, per user, the highest pts given out, and per row the pts it has: what the coalescing rule needs
// (package documentation). Only the follower adds and drops; others raise what is there. A user without a mark may hold a
// cursor at any pts up to now. A nil one remembers nothing, and leaves the rule to the store.
type marks struct {
	mu    sync.Mutex
	given *lru.Cache[chat.UserID, mark]
	rows  *lru.Cache[rowKey, PTS]
}

// mark is a user's highest pts given out. While it is open, a row is being written whose pts is not known yet, and given
// counts only what was given out since.
type mark struct {
	given PTS
	open  bool
}

type rowKey struct {
	user         chat.UserID
	conversation chat.ConversationID
}

func newMarks(limit int) *marks {
	return &marks{given: lru.New[chat.UserID, mark](limit), rows: lru.New[rowKey, PTS](limit)}
}

// raise says that the user is given a cursor at p. Call it before reading what the cursor stands for.
func (m *marks) raise(user chat.UserID, p PTS) {
	if !marking || m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if k, ok := m.given.Get(user); ok && p > k.given {
		m.given.Put(user, mark{given: p, open: k.open})
	}
}

// unseen appends to changes one for each user whose row of the conversation may have been seen; the others' rows are above
// every cursor given out and stay as they are.
func (m *marks) unseen(changes []Change, id chat.ConversationID, users []chat.UserID, skip map[chat.UserID]struct{}) []Change {
	if m == nil {
		for _, u := range users {
			if _, ok := skip[u]; !ok {
				changes = append(changes, Change{User: u, Conversation: id, Spare: true})
			}
		}
		return changes
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, u := range users {
		if _, ok := skip[u]; ok {
			continue
		}
		if k, ok := m.given.Get(u); ok && !k.open {
			if p, ok := m.rows.Get(rowKey{u, id}); ok && p > k.given {
				continue
			}
		}
		changes = append(changes, Change{User: u, Conversation: id})
	}
	return changes
}

// begin opens marks for users who have none, before their rows are written.
func (m *marks) begin(changes []Change) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, c := range changes {
		if c.Quiet {
			continue
		}
		if _, ok := m.given.Get(c.User); !ok {
			m.given.Put(c.User, mark{open: true})
		}
	}
}

// end takes the pts that the rows were given. An open mark becomes the pts below its user's first: what was given out before
// begin is not above it. Marks that were dropped in between stay unknown.
func (m *marks) end(changes []Change, given []PTS) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for i, c := range changes {
		p := given[i]
		if p == 0 {
			continue
		}
		if k, ok := m.given.Get(c.User); ok && k.open {
			m.given.Put(c.User, mark{given: max(k.given, p-1)})
		}
		m.rows.Put(rowKey{c.User, c.Conversation}, p)
	}
}
