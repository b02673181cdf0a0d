package timeline

import (
	"context"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/lru"
)

const (
	// rosterPage is how many members one read of the log brings.
	rosterPage = 1_000
	// rosterList is the longest list that is cached: above the usual end of the small tier, so that memory is bounded.
	rosterList = 256
)

// roster caches who is in small conversations. It belongs to the pass loop.
type roster struct {
	logs  Logs
	lists *lru.Cache[chat.ConversationID, memberList]
}

// memberList is at least as new as the member change at seq.
type memberList struct {
	seq   chat.Seq
	users []chat.UserID
}

// newRoster holds lists of a few members on average, so an eighth as many of them as there are marks.
func newRoster(logs Logs, marks int) *roster {
	return &roster{logs: logs, lists: lru.New[chat.ConversationID, memberList](marks / 8)}
}

// of returns who is a member now, or was at some moment since the change at seq. Who went in between is told by an event that
// is still to come, and so is who came.
func (r *roster) of(ctx context.Context, id chat.ConversationID, seq chat.Seq) ([]chat.UserID, error) {
	if l, ok := r.lists.Get(id); ok && l.seq >= seq {
		return l.users, nil
	}
	var (
		users []chat.UserID
		after chat.UserID
	)
	for {
		page, err := r.logs.Members(ctx, id, after, rosterPage)
		if err != nil {
			return nil, chat.AsError(err)
		}
		users = append(users, page...)
		if len(page) < rosterPage {
			break
		}
		after = page[len(page)-1]
	}
	if len(users) <= rosterList {
		r.lists.Put(id, memberList{seq: seq, users: users})
	}
	return users, nil
}
