package check

import (
	"bytes"
	"errors"

	"github.com/cockroachdb/pebble/v2"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/social"
	"github.com/throng-im/throng/internal/store/record"
)

// relations: rows are found by their versions, and where they are due; what says so leads to a row. The audit holds the rows of two users
// against each other.
func (c *checker) relations() error {
	err := c.table(record.TableRelation, func(key, value []byte) error {
		if len(key) != record.Key2Len {
			return nil // the audit tells
		}
		user, other := chat.UserID(record.First(key)), chat.UserID(record.Second(key))
		in := record.NewReader(value)
		row := in.Relation(other)
		if !in.Done() {
			return nil // as above
		}
		if row.Version != 0 {
			var to chat.UserID
			at := record.KeyRelated(user, row.Version)
			ok, err := c.row(at, func(d *record.Reader) { to = chat.UserID(d.Number()) })
			if err != nil {
				return err
			}
			if !ok || to != other {
				if err := c.found(put(at, record.Number(uint64(other))), "the relation of user %d to user %d is not found by its version", user, other); err != nil {
					return err
				}
			}
		}
		if !row.Due {
			return nil
		}
		at := record.KeyDue(user, other)
		values, err := rows{c}.Get(c.ctx, [][]byte{at})
		if err != nil || values[0] != nil {
			return err
		}
		return c.found(put(at, nil), "the relation of user %d to user %d is due, and nobody knows", user, other)
	})
	if err != nil {
		return err
	}
	err = c.table(record.TableRelated, func(key, value []byte) error {
		in := record.NewReader(value)
		other := chat.UserID(in.Number())
		return c.leads(key, other, in.Done(), func(r social.Relation) bool { return r.Version == record.Second(key) })
	})
	if err != nil {
		return err
	}
	return c.table(record.TableDue, func(key, _ []byte) error {
		if len(key) != record.Key2Len {
			return c.found(remove(key), "what is due about relations has the malformed key %x", key)
		}
		return c.leads(key, chat.UserID(record.Second(key)), true, func(r social.Relation) bool { return r.Due })
	})
}

// leads drops a row that leads to none, or to one that has moved on.
func (c *checker) leads(key []byte, other chat.UserID, whole bool, is func(r social.Relation) bool) error {
	if len(key) == record.Key2Len && whole {
		var row social.Relation
		ok, err := c.row(record.KeyRelation(chat.UserID(record.First(key)), other), func(d *record.Reader) { row = d.Relation(other) })
		if err != nil || ok && is(row) {
			return err
		}
	}
	return c.found(remove(bytes.Clone(key)), "a row %x leads to no relation", key)
}

// unrelate is a fix that drops a relation with what it is found by.
func (c *checker) unrelate(key []byte) (func(*pebble.Batch) error, error) {
	user, other := chat.UserID(record.First(key)), chat.UserID(record.Second(key))
	var row social.Relation
	if _, err := c.row(key, func(d *record.Reader) { row = d.Relation(other) }); err != nil {
		return nil, err
	}
	return func(b *pebble.Batch) error {
		return errors.Join(remove(key)(b), remove(record.KeyRelated(user, row.Version))(b), remove(record.KeyDue(user, other))(b))
	}, nil
}
