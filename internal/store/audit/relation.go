package audit

import (
	"bytes"
	"context"

	"github.com/throng-im/throng/internal/account"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/social"
	"github.com/throng-im/throng/internal/store/record"
)

// owner: it decodes, its user is there, and it counts the user's rows about others, but for those who are gone: their rows go.
func (c *Checker) owner(ctx context.Context, key, value []byte) error {
	if len(key) != record.Key1Len {
		return c.found(remove(key), "what stands about relations has the malformed key %x", key)
	}
	user := chat.UserID(record.First(key))
	var o social.Owner
	if !decoded(value, func(r *record.Reader) { o = r.Owner() }) {
		return c.found(nil, "what stands about the relations of user %d does not decode", user)
	}
	key = bytes.Clone(key)
	return c.account(ctx, user, func(a account.Account) error {
		if a.ID != user || a.Deleted {
			return c.crossing(remove(key), "something stands about the relations of user %d, who is not there", user)
		}
		return c.counted(ctx, key, user, o)
	})
}

// counted compares the counts of an owner with the rows.
func (c *Checker) counted(ctx context.Context, key []byte, user chat.UserID, o social.Owner) error {
	var rows []social.Relation
	var keys [][]byte
	whole := true
	err := c.rows.Walk(ctx, record.KeyRelation(user, 1), record.KeyAfter(record.TableRelation, uint64(user)), func(key, value []byte) error {
		if len(key) != record.Key2Len {
			return nil // its own step tells
		}
		other := chat.UserID(record.Second(key))
		whole = decoded(value, func(r *record.Reader) { rows = append(rows, r.Relation(other)) }) && whole
		keys = append(keys, record.KeyUser(other))
		return nil
	})
	if err != nil || !whole {
		return err //nolint:wrapcheck // the engine says what it was doing
	}
	there := rows[:0]
	for at := 0; at < len(rows); at += lookupsAtOnce {
		values, err := c.rows.Get(ctx, keys[at:min(at+lookupsAtOnce, len(keys))])
		if err != nil {
			return err //nolint:wrapcheck // the engine says what it was doing
		}
		for i, value := range values {
			var a account.Account
			if decoded(value, func(r *record.Reader) { a = r.Account(rows[at+i].Other) }) && !a.Deleted {
				there = append(there, rows[at+i])
			}
		}
	}
	if want := o.Recounted(there); want != o {
		return c.found(put(key, record.AppendOwner(nil, want)), "user %d has %d friends and requests, %d follows, %d blocks and %d remarks, and other counts",
			user, want.Wants, want.Follows, want.Blocks, want.Remarks)
	}
	return nil
}

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
