package audit

import (
	"bytes"
	"context"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/store/record"
)

// pair leads to a conversation of the two, or to one that is about to begin.
func (c *Checker) pair(ctx context.Context, key, value []byte) error {
	c.Report.Pairs++
	r := record.NewReader(value)
	id := chat.ConversationID(r.Number())
	if len(key) != record.Key2Len || !r.Done() || id == 0 {
		return c.found(remove(key), "pairs: the row %x does not decode", key)
	}
	c.lastID = max(c.lastID, id)
	key = bytes.Clone(key)
	pair := [2]chat.UserID{chat.UserID(record.First(key)), chat.UserID(record.Second(key))}
	return c.look(ctx, record.Key1(record.TableConversation, uint64(id)), func(value []byte) error {
		var about chat.Conversation
		if !decoded(value, func(r *record.Reader) { about = r.Conversation(id) }) || about.Pair == pair {
			return nil
		}
		return c.crossing(remove(key), "pairs: users %d and %d lead to conversation %d, which is not theirs", pair[0], pair[1], id)
	})
}

// claim leads to a group that was made under a client id, or is about to be.
func (c *Checker) claim(_ context.Context, key, value []byte) error {
	r := record.NewReader(value)
	id := chat.ConversationID(r.Number())
	if len(key) != record.ClaimLen || !r.Done() || id == 0 {
		return c.found(remove(key), "claims: the row %x does not decode", key)
	}
	c.lastID = max(c.lastID, id)
	return nil
}

// Counters are beyond everything that they gave out, which the steps before have seen. Where the store counts administrators, they are as
// many as there are.
func (c *Checker) Counters(ctx context.Context, administrators bool) error {
	for _, n := range []struct {
		name, what string
		least      uint64
		exact      bool
	}{
		{record.MetaNextConversation, "the next conversation id", uint64(c.lastID) + 1, false},
		{record.MetaLastUser, "the last user id", uint64(c.lastUser), false},
		{record.MetaLastDevice, "the last device id", uint64(c.lastDevice), false},
		{record.MetaAdministrators, "the number of administrators", c.admins, true},
	} {
		if n.exact && !administrators {
			continue
		}
		var have uint64
		if _, err := c.row(ctx, record.KeyMeta(n.name), func(r *record.Reader) { have = r.Number() }); err != nil {
			return err
		}
		if have == n.least || (have > n.least && !n.exact) || (have == 0 && n.least <= 1 && !n.exact) {
			continue
		}
		fix := put(record.KeyMeta(n.name), record.Number(n.least))
		if err := c.found(fix, "counters: %s is %d, it should be %d", n.what, have, n.least); err != nil {
			return err
		}
	}
	return nil
}
