package audit

import (
	"bytes"
	"context"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/invite"
	"github.com/throng-im/throng/internal/store/record"
)

// link: it decodes, it is named by its hash, and it leads into a group.
func (c *Checker) link(ctx context.Context, key, value []byte) error {
	if len(key) != record.Key2Len {
		return c.found(remove(key), "a link has the malformed key %x", key)
	}
	id, name := chat.ConversationID(record.First(key)), record.Second(key)
	var l invite.Link
	if !decoded(value, func(r *record.Reader) { l = r.Link(id, name) }) {
		return c.found(nil, "link %d of conversation %d does not decode", name, id)
	}
	key = bytes.Clone(key)
	if !l.Exists() || l.Token.ID() != name {
		return c.found(remove(key), "link %d of conversation %d is none that anybody can use", name, id)
	}
	return c.look(ctx, record.Key1(record.TableHead, uint64(id)), func(value []byte) error {
		var h chat.Head
		if value == nil || decoded(value, func(r *record.Reader) { h = r.Head(id) }) && h.Kind != chat.KindGroup {
			return c.crossing(remove(key), "link %d leads into conversation %d, which is no group", name, id)
		}
		return nil
	})
}
