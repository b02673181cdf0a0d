package audit

import (
	"bytes"
	"context"

	"github.com/throng-im/throng/internal/account"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/social"
	"github.com/throng-im/throng/internal/store/record"
)

// relation: it decodes, both users are there, and the other one's row says the same, unless that is due. Of a pair of rows, what the one
// says is the truth about its owner, and the mirror in the other is derived.
func (c *Checker) relation(ctx context.Context, key, value []byte) error {
	if len(key) != record.Key2Len {
		return c.found(remove(key), "a relation has the malformed key %x", key)
	}
	user, other := chat.UserID(record.First(key)), chat.UserID(record.Second(key))
	var row social.Relation
	if !decoded(value, func(r *record.Reader) { row = r.Relation(other) }) {
		return c.found(nil, "what user %d is to user %d does not decode", user, other)
	}
	if other == 0 { // the sweeper looks after the user's settings
		return nil
	}
	key = bytes.Clone(key)
	for _, id := range []chat.UserID{user, other} {
		err := c.account(ctx, id, func(a account.Account) error {
			if a.ID == id && !a.Deleted {
				return nil
			}
			return c.crossing(remove(key), "user %d has a relation to user %d, and one of them is not there", user, other)
		})
		if err != nil {
			return err
		}
	}
	if row.Due {
		return nil
	}
	back := record.KeyRelation(other, user)
	return c.look(ctx, back, func(value []byte) error {
		mirror := social.Relation{Other: user}
		if value != nil && !decoded(value, func(r *record.Reader) { mirror = r.Relation(user) }) {
			return nil // its own row tells
		}
		if value != nil && mirror.Theirs.Turn == row.Mine.Turn && mirror.Theirs.Ended == row.Mine.Ended {
			return nil
		}
		mirror.Met, mirror.Theirs = true, row.Mine
		return c.crossing(put(back, record.AppendRelation(nil, mirror)), "user %d was not told what user %d said", other, user)
	})
}
