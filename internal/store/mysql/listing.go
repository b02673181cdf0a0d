package mysql

import (
	"context"

	"github.com/throng-im/throng/internal/chat"
)

// ConversationsIn lists conversations of a database in the order of their ids, at most so many of those behind one. It returns where to go
// on, which is 0 at the end. Those of slots that lie elsewhere, as far as this node knows, are left out: of a slot that moves meanwhile
// conversations may be missing, or be listed in two databases.
func (s *Store) ConversationsIn(ctx context.Context, d *Database, behind chat.ConversationID, most int) (ids []chat.ConversationID, last chat.ConversationID, err error) {
	var q text
	q.add("SELECT conversation FROM head FORCE INDEX (PRIMARY) WHERE conversation > ").number(uint64(behind)).
		add(" ORDER BY conversation LIMIT ").number(uint64(max(most, 1)))
	err = d.read(ctx, "list", q.String(), func(r *rows) error {
		var id chat.ConversationID
		n := 0
		for ids, last = ids[:0], 0; r.next(); n++ {
			r.scan(&id)
			if last = id; s.OfConversation(id) == d {
				ids = append(ids, id)
			}
		}
		if n < most {
			last = 0
		}
		return nil
	})
	return ids, last, err
}
