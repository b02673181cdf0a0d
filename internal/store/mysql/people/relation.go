package people

import (
	"cmp"
	"context"
	"slices"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/social"
	"github.com/throng-im/throng/internal/store/mysql"
	"github.com/throng-im/throng/internal/store/record"
)

var _ social.Rows = (*Relations)(nil)

// Relations keeps what people are to each other. All methods may be called from any goroutine.
type Relations struct {
	// immutable after construction
	s *mysql.Store
}

// NewRelations returns the relations of a store.
func NewRelations(s *mysql.Store) *Relations { return &Relations{s} }

func decodeRelation(other chat.UserID, value []byte) (social.Relation, error) {
	in := record.NewReader(value)
	r := in.Relation(other)
	if !in.Done() {
		return r, record.ErrDamaged("relation")
	}
	return r, nil
}

func decodeOwner(value []byte) (social.Owner, error) {
	in := record.NewReader(value)
	o := in.Owner()
	if !in.Done() {
		return o, record.ErrDamaged("relations")
	}
	return o, nil
}

// held is a user's row about another one with what stands once about the user, locked. The owner's row is locked first, so that changes of
// one user's rows wait for one another.
type held struct {
	user         chat.UserID
	owner        social.Owner
	row          social.Relation
	hasOwner, is bool
}

func (h *held) lock(ctx context.Context, t *mysql.Tx) error {
	var q mysql.Text
	q.Add("SELECT value FROM relation_owner WHERE user = ").Number(uint64(h.user)).Add(" FOR UPDATE;SELECT value FROM relation WHERE user = ")
	q.Number(uint64(h.user)).Add(" AND other = ").Number(uint64(h.row.Other)).Add(" FOR UPDATE")
	return t.Query(ctx, q.String(), func(r *mysql.Rows) error {
		err := r.Each(func(scan func(...any)) (err error) {
			var value []byte
			scan(&value)
			h.hasOwner = true
			h.owner, err = decodeOwner(value)
			return err
		})
		if err != nil || !r.More() {
			return err
		}
		return r.Each(func(scan func(...any)) (err error) {
			var value []byte
			scan(&value)
			h.is = true
			h.row, err = decodeRelation(h.row.Other, value)
			return err
		})
	})
}

// write says how what was locked comes to be what fn left.
func (h *held) write(owner social.Owner, row social.Relation) string {
	var q mysql.Text
	next := func() *mysql.Text {
		if q.Len() > 0 {
			q.Add(";")
		}
		return &q
	}
	value := record.AppendOwner(nil, owner)
	switch {
	case h.hasOwner && owner != h.owner:
		next().Add("UPDATE relation_owner SET value = ").Blob(value).Add(" WHERE user = ").Number(uint64(h.user))
	case !h.hasOwner: // the key is what keeps two who are the first ones apart
		next().Add("INSERT INTO relation_owner (user, value) VALUES (").Number(uint64(h.user)).Add(",").Blob(value).Add(")")
	}
	value = record.AppendRelation(nil, row)
	where := func(q *mysql.Text) {
		q.Add(" WHERE user = ").Number(uint64(h.user)).Add(" AND other = ").Number(uint64(row.Other))
	}
	switch gone := (row == social.Relation{Other: row.Other}); {
	case row == h.row:
	case gone:
		where(next().Add("DELETE FROM relation"))
	case h.is:
		where(next().Add("UPDATE relation SET version = ").Number(row.Version).Add(", due = ").Number(flag(row.Due)).Add(", value = ").Blob(value))
	default:
		next().Add("INSERT INTO relation (user, other, version, due, value) VALUES (").Number(uint64(h.user)).Add(",").Number(uint64(row.Other))
		q.Add(",").Number(row.Version).Add(",").Number(flag(row.Due)).Add(",").Blob(value).Add(")")
	}
	return q.String()
}

// Change changes a row, and what stands once about its user.
func (r *Relations) Change(
	ctx context.Context, user, other chat.UserID, fn func(o *social.Owner, r *social.Relation) error,
) (owner social.Owner, row social.Relation, err error) {
	err = r.s.UserPlace(user).Transact(ctx, "relation", func(t *mysql.Tx) error {
		h := held{user: user, row: social.Relation{Other: other}}
		if err := h.lock(ctx, t); err != nil {
			return err
		}
		owner, row = h.owner, h.row
		if err := fn(&owner, &row); err != nil {
			return err
		}
		if owner == h.owner && row == h.row {
			return nil
		}
		err := t.Commit(ctx, h.write(owner, row))
		if mysql.IsDuplicate(err) {
			return mysql.BeginAgain(err)
		}
		return err
	})
	if err != nil {
		return social.Owner{}, social.Relation{}, err
	}
	return owner, row, nil
}

// rows asks for rows of one user.
func (r *Relations) rows(ctx context.Context, user chat.UserID, rest func(q *mysql.Text)) (out []social.Relation, err error) {
	var q mysql.Text
	rest(q.Add("SELECT other, value FROM relation WHERE user = ").Number(uint64(user)))
	err = r.s.UserPlace(user).Read(ctx, "relations", q.String(), func(r *mysql.Rows) error {
		out = nil
		return r.Each(func(scan func(...any)) error {
			var other chat.UserID
			var value []byte
			scan(&other, &value)
			row, err := decodeRelation(other, value)
			out = append(out, row)
			return err
		})
	})
	return out, err
}

// Relations returns rows about others.
func (r *Relations) Relations(ctx context.Context, user chat.UserID, others []chat.UserID) ([]social.Relation, error) {
	rows := make(map[chat.UserID]social.Relation, len(others))
	for chunk := range slices.Chunk(others, atOnce) {
		some, err := r.rows(ctx, user, func(q *mysql.Text) {
			q.Add(" AND other IN (")
			list(q, chunk)
			q.Add(")")
		})
		if err != nil {
			return nil, err
		}
		for _, row := range some {
			rows[row.Other] = row
		}
	}
	out := make([]social.Relation, len(others))
	for i, other := range others {
		out[i] = rows[other]
		out[i].Other = other
	}
	return out, nil
}

// Toward returns the rows of users about one other.
func (r *Relations) Toward(ctx context.Context, users []chat.UserID, other chat.UserID) ([]social.Relation, error) {
	rows := make(map[chat.UserID]social.Relation)
	err := r.s.Routed(ctx, func(m *mysql.Map) error {
		clear(rows)
		for d, some := range byDatabase(m, users) {
			for chunk := range slices.Chunk(some, atOnce) {
				var q mysql.Text
				q.Add("SELECT user, value FROM relation WHERE other = ").Number(uint64(other)).Add(" AND user IN (")
				list(&q, chunk)
				q.Add(")")
				err := m.Read(ctx, d, "relations", q.String(), func(r *mysql.Rows) error {
					return r.Each(func(scan func(...any)) error {
						var user chat.UserID
						var value []byte
						scan(&user, &value)
						row, err := decodeRelation(other, value)
						rows[user] = row
						return err
					})
				})
				if err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	out := make([]social.Relation, len(users))
	for i, user := range users {
		out[i] = rows[user]
		out[i].Other = other
	}
	return out, nil
}

// Owner returns what stands once about a user's relations.
func (r *Relations) Owner(ctx context.Context, user chat.UserID) (social.Owner, error) {
	o, _, err := r.Since(ctx, user, chat.MaxID, 0)
	return o, err
}

// Since returns rows above a version. It is one statement, so that all is of one moment.
func (r *Relations) Since(ctx context.Context, user chat.UserID, version uint64, limit int) (o social.Owner, out []social.Relation, err error) {
	var q mysql.Text
	q.Add("SELECT 0 AS other, value FROM relation_owner WHERE user = ").Number(uint64(user))
	if limit > 0 {
		q.Add(" UNION ALL (SELECT other, value FROM relation WHERE user = ").Number(uint64(user)).Add(" AND version > ").Number(version)
		q.Add(" ORDER BY version LIMIT ").Number(uint64(limit)).Add(")")
	}
	err = r.s.UserPlace(user).Read(ctx, "relations", q.String(), func(r *mysql.Rows) error {
		o, out = social.Owner{}, nil
		return r.Each(func(scan func(...any)) (err error) {
			var other chat.UserID
			var value []byte
			scan(&other, &value)
			if other == 0 {
				o, err = decodeOwner(value)
				return err
			}
			row, err := decodeRelation(other, value)
			out = append(out, row)
			return err
		})
	})
	slices.SortFunc(out, func(x, y social.Relation) int { return cmp.Compare(x.Version, y.Version) })
	return o, out, err
}

// About returns all rows of a user, by the other one.
func (r *Relations) About(ctx context.Context, user, after chat.UserID, limit int) ([]social.Relation, error) {
	return r.rows(ctx, user, func(q *mysql.Text) {
		q.Add(" AND other > ").Number(uint64(after)).Add(" ORDER BY other LIMIT ").Number(uint64(limit))
	})
}

// Due returns rows that are due.
func (r *Relations) Due(ctx context.Context, after social.Pair, limit int) (out []social.Pair, err error) {
	err = r.s.Routed(ctx, func(m *mysql.Map) error {
		out = nil
		for _, d := range r.s.Databases() {
			some, err := r.dueIn(ctx, m, d, after, limit)
			if err != nil {
				return err
			}
			out = append(out, some...)
		}
		return nil
	})
	slices.SortFunc(out, func(x, y social.Pair) int { return cmp.Or(cmp.Compare(x.User, y.User), cmp.Compare(x.Other, y.Other)) })
	return out[:min(limit, len(out))], err
}

// dueIn looks in one database. What a user who moved has left there is passed over.
func (r *Relations) dueIn(ctx context.Context, m *mysql.Map, d *mysql.Database, after social.Pair, limit int) (out []social.Pair, err error) {
	for more := true; more && len(out) < limit; {
		var some []social.Pair
		var q mysql.Text
		q.Add("SELECT user, other FROM relation WHERE due = 1 AND user >= ").Number(uint64(after.User))
		q.Add(" AND (user > ").Number(uint64(after.User)).Add(" OR other > ").Number(uint64(after.Other))
		q.Add(") ORDER BY user, other LIMIT ").Number(uint64(limit))
		err := m.Read(ctx, d, "relations", q.String(), func(r *mysql.Rows) error {
			some = nil
			return r.Each(func(scan func(...any)) error {
				var p social.Pair
				scan(&p.User, &p.Other)
				some = append(some, p)
				return nil
			})
		})
		if err != nil {
			return nil, err
		}
		for _, p := range some {
			if after = p; m.OfUser(p.User) == d {
				out = append(out, p)
			}
		}
		more = len(some) == limit
	}
	return out, nil
}

// Erase removes everything that lies with a user.
func (r *Relations) Erase(ctx context.Context, user chat.UserID) error {
	return r.s.UserPlace(user).Transact(ctx, "erase relations", func(t *mysql.Tx) error {
		var q mysql.Text
		q.Add("DELETE FROM relation WHERE user = ").Number(uint64(user)).Add(";DELETE FROM relation_owner WHERE user = ").Number(uint64(user))
		return t.Commit(ctx, q.String())
	})
}
