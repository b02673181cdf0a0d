package pebble

import (
	"context"

	"github.com/cockroachdb/pebble/v2"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/social"
	"github.com/throng-im/throng/internal/store/record"
)

// Relations is the social.Rows of a store.
type Relations struct{ a *Accounts }

// Relations returns the relations of the store. They are read and written beside the accounts.
func (s *Store) Relations() *Relations { return &Relations{s.Accounts()} }

var _ social.Rows = (*Relations)(nil)

func (r *Relations) owner(user chat.UserID) (o social.Owner, err error) {
	_, err = r.a.s.get(record.KeyOwner(user), "relations", func(in *record.Reader) { o = in.Owner() })
	return o, err
}

func (r *Relations) row(user, other chat.UserID) (social.Relation, error) {
	row := social.Relation{Other: other}
	_, err := r.a.s.get(record.KeyRelation(user, other), "relation", func(in *record.Reader) { row = in.Relation(other) })
	return row, err
}

// Change changes a row, and what stands once about its user.
func (r *Relations) Change(
	ctx context.Context, user, other chat.UserID, fn func(o *social.Owner, r *social.Relation) error,
) (owner social.Owner, row social.Relation, err error) {
	if err := r.a.s.guard.check(); err != nil {
		return social.Owner{}, social.Relation{}, err
	}
	err = r.a.change(ctx, func(b *pebble.Batch) error {
		if owner, err = r.owner(user); err != nil {
			return err
		}
		if row, err = r.row(user, other); err != nil {
			return err
		}
		ownerWas, was := owner, row
		if err := fn(&owner, &row); err != nil {
			return err
		}
		if owner != ownerWas {
			if err := b.Set(record.KeyOwner(user), record.AppendOwner(nil, owner), nil); err != nil {
				return storageError(err, "storing relations")
			}
		}
		if row == was {
			return nil
		}
		return putRelation(b, user, was, row)
	})
	if err != nil {
		return social.Owner{}, social.Relation{}, err
	}
	return owner, row, nil
}

// putRelation writes a row, with what it is found by.
func putRelation(b *pebble.Batch, user chat.UserID, was, row social.Relation) error {
	if was.Version != 0 && was.Version != row.Version {
		if err := drop(b, record.KeyRelated(user, was.Version)); err != nil {
			return err
		}
	}
	if was.Due && !row.Due {
		if err := drop(b, record.KeyDue(user, row.Other)); err != nil {
			return err
		}
	}
	if row == (social.Relation{Other: row.Other}) {
		return drop(b, record.KeyRelation(user, row.Other))
	}
	if row.Version != 0 {
		if err := putNumber(b, record.KeyRelated(user, row.Version), uint64(row.Other)); err != nil {
			return err
		}
	}
	if row.Due {
		if err := b.Set(record.KeyDue(user, row.Other), nil, nil); err != nil {
			return storageError(err, "storing a relation")
		}
	}
	return storageError(b.Set(record.KeyRelation(user, row.Other), record.AppendRelation(nil, row), nil), "storing a relation")
}

// Relations returns rows about others.
func (r *Relations) Relations(ctx context.Context, user chat.UserID, others []chat.UserID) ([]social.Relation, error) {
	out := make([]social.Relation, len(others))
	return out, r.read(ctx, func() (err error) {
		for i, other := range others {
			if out[i], err = r.row(user, other); err != nil {
				return err
			}
		}
		return nil
	})
}

// Toward returns the rows of users about one other.
func (r *Relations) Toward(ctx context.Context, users []chat.UserID, other chat.UserID) ([]social.Relation, error) {
	out := make([]social.Relation, len(users))
	return out, r.read(ctx, func() (err error) {
		for i, user := range users {
			if out[i], err = r.row(user, other); err != nil {
				return err
			}
		}
		return nil
	})
}

// read looks at rows, and waits until what was seen is durable.
func (r *Relations) read(ctx context.Context, look func() error) error {
	release, err := r.a.s.read()
	if err != nil {
		return err
	}
	defer release()
	if err := look(); err != nil {
		return err
	}
	return r.a.settle(ctx)
}

// Owner returns what stands once about a user's relations.
func (r *Relations) Owner(ctx context.Context, user chat.UserID) (o social.Owner, err error) {
	err = r.read(ctx, func() (err error) { o, err = r.owner(user); return err })
	return o, err
}

// Since returns rows above a version. They are looked at while nobody writes, so that all is of one moment.
func (r *Relations) Since(ctx context.Context, user chat.UserID, version uint64, limit int) (o social.Owner, out []social.Relation, err error) {
	err = r.a.change(ctx, func(*pebble.Batch) error {
		out = nil
		if o, err = r.owner(user); err != nil {
			return err
		}
		var others []chat.UserID
		from, to := record.KeyRelated(user, min(version, chat.MaxID)+1), record.KeyAfter(record.TableRelated, uint64(user))
		err := r.a.scan(from, to, "relation", func(_ []byte, in *record.Reader) bool {
			others = append(others, chat.UserID(in.Number()))
			return len(others) < limit
		})
		if err != nil {
			return err
		}
		for _, other := range others {
			row, err := r.row(user, other)
			if err != nil {
				return err
			}
			out = append(out, row)
		}
		return nil
	})
	return o, out, err
}

// About returns all rows of a user, by the other one.
func (r *Relations) About(ctx context.Context, user, after chat.UserID, limit int) (out []social.Relation, err error) {
	err = r.read(ctx, func() error {
		from, to := record.KeyRelation(user, after+1), record.KeyAfter(record.TableRelation, uint64(user))
		return r.a.scan(from, to, "relation", func(key []byte, in *record.Reader) bool {
			out = append(out, in.Relation(chat.UserID(record.Second(key))))
			return len(out) < limit
		})
	})
	return out, err
}

// Due returns rows that are due.
func (r *Relations) Due(ctx context.Context, after social.Pair, limit int) (out []social.Pair, err error) {
	from := []byte{record.TableDue}
	if after.User != 0 {
		from = record.KeyDue(after.User, after.Other+1)
	}
	err = r.read(ctx, func() error {
		return r.a.scan(from, []byte{record.TableDue + 1}, "relation", func(key []byte, _ *record.Reader) bool {
			out = append(out, social.Pair{User: chat.UserID(record.First(key)), Other: chat.UserID(record.Second(key))})
			return len(out) < limit
		})
	})
	return out, err
}

// Erase removes everything that lies with a user.
func (r *Relations) Erase(ctx context.Context, user chat.UserID) error {
	return r.a.change(ctx, func(b *pebble.Batch) error {
		for _, table := range []byte{record.TableRelation, record.TableRelated, record.TableDue, record.TableOwner} {
			if err := b.DeleteRange(record.Key1(table, uint64(user)), record.KeyAfter(table, uint64(user)), nil); err != nil {
				return storageError(err, "erasing relations")
			}
		}
		return nil
	})
}
