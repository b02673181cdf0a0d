package check

import (
	"context"
	"fmt"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/store/mysql"
)

// outbox: what waits to be published is of an entry that stands, and in the slot of its conversation.
func (c *checker) outbox(ctx context.Context) error {
	const query = "SELECT o.slot, o.conversation, o.seq, o.reader, e.seq IS NOT NULL FROM outbox o FORCE INDEX (PRIMARY) " +
		"LEFT JOIN entry e ON e.conversation = o.conversation AND e.seq = o.seq"
	for _, d := range c.s.Databases() {
		view := c.rows.views[d]
		err := view.Read(ctx, "check outbox", query, func(r *mysql.Rows) error {
			return r.Each(func(scan func(...any)) error {
				var slot chat.Slot
				var id chat.ConversationID
				var seq chat.Seq
				var reader chat.UserID
				var stands bool
				scan(&slot, &id, &seq, &reader, &stands)
				switch {
				case !view.HasConversation(id):
					return c.rows.astray(d, "outbox", slotOf{false, id.Slot()})
				case slot != id.Slot():
					c.damage(fmt.Sprintf("outbox: an event of conversation %d at seq %d is in slot %d, and the conversation is in %d", id, seq, slot, id.Slot()), Outbox)
				case !stands:
					c.damage(fmt.Sprintf("outbox: an event of conversation %d is of entry %d, which is not there", id, seq), Outbox)
				}
				c.report.Events++
				return nil
			})
		})
		if err != nil {
			return err //nolint:wrapcheck // it says what it was doing
		}
	}
	return nil
}
