package slots

import (
	"context"
	"errors"
	"math"
	"slices"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/store/mysql"
)

const (
	idsAtOnce  = 500     // conversations or users that one statement names
	keysAtOnce = 500     // rows that one statement names
	pageRows   = 500     // rows that are read at once
	pageBytes  = 4 << 20 // of rows that are kept of what was read
	sendBytes  = mysql.StatementBytes / 4
)

// rows reads some of a table of a database, in the order of keys. More says that there are others behind them.
func (a *attempt) rows(ctx context.Context, d *mysql.Database, t *table, condition string, limited bool) (out []row, more bool, err error) {
	var q mysql.Text
	q.Add("SELECT ", t.columns(), " FROM ", t.name, " FORCE INDEX (PRIMARY) WHERE ", condition, " ORDER BY ")
	for i, column := range t.key() {
		if i > 0 {
			q.Add(", ")
		}
		q.Add(column)
	}
	if limited {
		q.Add(" LIMIT ").Number(pageRows)
	}
	err = d.Read(ctx, "move "+t.name, q.String(), func(r *mysql.Rows) error {
		out, more = nil, false
		bytes, n := 0, 0
		return r.Each(func(scan func(...any)) error {
			v := t.scan(scan)
			n++
			more = limited && n == pageRows
			if limited && bytes > pageBytes {
				more = true
				return nil
			}
			bytes += v.size()
			out = append(out, v)
			return nil
		})
	})
	return out, more, err
}

// all makes a table of the slot in the target what it is in the source, and tells of the rows that were not the same.
func (a *attempt) all(ctx context.Context, t *table, differs func(r row)) error {
	return a.chunks(ctx, []*mysql.Database{a.move.Source, a.move.Target}, t, func(ids []uint64) error { return a.ids(ctx, t, ids, differs) })
}

// chunks calls fn with ids of the slot, of which the databases may have rows, ascending.
func (a *attempt) chunks(ctx context.Context, databases []*mysql.Database, t *table, fn func(ids []uint64) error) error {
	for from := uint64(0); ; {
		least := uint64(math.MaxUint64)
		for _, d := range databases {
			var q mysql.Text
			q.Add("SELECT COALESCE(MIN(", t.numbers[0], "), ").Number(math.MaxUint64).Add(") FROM ", t.name, " WHERE ", t.numbers[0], ">=").Number(from)
			err := d.Read(ctx, "move "+t.name, q.String(), func(r *mysql.Rows) error {
				return r.Each(func(scan func(...any)) error {
					var n uint64
					scan(&n)
					least = min(least, n)
					return nil
				})
			})
			if err != nil {
				return err
			}
		}
		if least > chat.MaxID {
			return nil
		}
		ids, next := a.candidates(least)
		if len(ids) > 0 {
			if err := a.beat(ctx); err != nil {
				return err
			}
			if err := fn(ids); err != nil {
				return err
			}
		}
		from = next
	}
}

// candidates are the next ids of the slot, whether they were given out or not, and the id behind them.
func (a *attempt) candidates(from uint64) (ids []uint64, next uint64) {
	id := from
	for ; id <= chat.MaxID && len(ids) < idsAtOnce; id++ {
		if a.slot.has(id) {
			ids = append(ids, id)
		}
	}
	return ids, id
}

// ids aligns the rows of some conversations or users.
func (a *attempt) ids(ctx context.Context, t *table, ids []uint64, differs func(r row)) error {
	var after *row
	for {
		var q mysql.Text
		q.Add("(")
		rest := ids
		if after != nil {
			at, _ := slices.BinarySearch(ids, after.numbers[0]+1)
			rest = ids[at:]
			q.Add(t.numbers[0], "=").Number(after.numbers[0]).Add(" AND ")
			t.beyond(&q, *after, ">", false)
		}
		if len(rest) > 0 {
			if after != nil {
				q.Add(" OR ")
			}
			q.Add(t.numbers[0], " IN (")
			for i, id := range rest {
				if i > 0 {
					q.Add(",")
				}
				q.Number(id)
			}
			q.Add(")")
		}
		q.Add(")")
		source, more, err := a.rows(ctx, a.move.Source, t, q.String(), !t.unlimited)
		if err != nil {
			return err
		}
		if more {
			q.Add(" AND ")
			t.beyond(&q, source[len(source)-1], "<", true)
		}
		target, _, err := a.rows(ctx, a.move.Target, t, q.String(), false)
		if err != nil {
			return err
		}
		if err := a.mend(ctx, t, source, target, differs); err != nil {
			return err
		}
		if !more {
			return nil
		}
		after = &source[len(source)-1]
	}
}

// keys aligns rows that are named by their keys. With check nothing may differ.
func (a *attempt) keys(ctx context.Context, t *table, keys []row, check bool) error {
	for some := range slices.Chunk(keys, keysAtOnce) {
		var q mysql.Text
		t.in(&q, some)
		if err := a.where(ctx, t, q.String(), check); err != nil {
			return err
		}
	}
	return nil
}

// where aligns the rows for which a condition holds.
func (a *attempt) where(ctx context.Context, t *table, condition string, check bool) error {
	source, _, err := a.rows(ctx, a.move.Source, t, condition, false)
	if err != nil {
		return err
	}
	target, _, err := a.rows(ctx, a.move.Target, t, condition, false)
	if err != nil {
		return err
	}
	if check {
		if !slices.EqualFunc(source, target, same) {
			return &DifferentError{Slot: a.slot, Table: t.name}
		}
		return nil
	}
	return a.mend(ctx, t, source, target, nil)
}

// mend removes from the target what the source does not have, or not like this, and writes what is missing.
func (a *attempt) mend(ctx context.Context, t *table, source, target []row, differs func(r row)) error {
	var remove, write []row
	for len(source) > 0 || len(target) > 0 {
		var order int
		switch {
		case len(source) == 0:
			order = 1
		case len(target) == 0:
			order = -1
		default:
			order = t.compare(source[0], target[0])
		}
		switch {
		case order < 0:
			write = append(write, source[0])
		case order > 0:
			remove = append(remove, target[0])
		case !same(source[0], target[0]):
			remove, write = append(remove, target[0]), append(write, source[0])
		}
		if order <= 0 {
			source = source[1:]
		}
		if order >= 0 {
			target = target[1:]
		}
	}
	if len(remove)+len(write) == 0 {
		return nil
	}
	if differs != nil {
		for _, r := range slices.Concat(remove, write) {
			differs(r)
		}
	}
	a.copied += uint64(len(write))
	return a.store(ctx, t, remove, write)
}

// store changes rows of the target, as long as this attempt may.
func (a *attempt) store(ctx context.Context, t *table, remove, write []row) error {
	return a.move.Target.Transact(ctx, "move "+t.name, func(tx *mysql.Tx) error {
		if err := a.still(ctx, tx, mysql.HoldingArriving); err != nil {
			return err
		}
		var q mysql.Text
		for some := range slices.Chunk(remove, keysAtOnce) {
			q.Reset()
			q.Add("DELETE t FROM ", t.name, " t FORCE INDEX (PRIMARY) WHERE ")
			t.in(&q, some)
			if err := tx.Exec(ctx, q.String()); err != nil {
				return err
			}
		}
		q.Reset()
		for i, r := range write {
			if q.Len() == 0 {
				q.Add("INSERT INTO ", t.name, " (", t.columns(), ") VALUES ")
			} else {
				q.Add(",")
			}
			if t.write(&q, r); q.Len() < sendBytes && i+1 < len(write) {
				continue
			}
			if err := tx.Exec(ctx, q.String()); err != nil {
				return err
			}
			q.Reset()
		}
		return nil
	})
}

// errTaken says that somebody else has taken the move over, or taken it back.
var errTaken = errors.New("the move was taken back meanwhile: it took too long, or another one moves the same slot")

// still locks the slot's row in a transaction, which goes on only while the row says that this attempt has it in that state.
func (a *attempt) still(ctx context.Context, tx *mysql.Tx, state mysql.Holding) error {
	there := false
	var q mysql.Text
	q.Add("SELECT 1 FROM holding FORCE INDEX (PRIMARY)", a.move.Where(), " AND state=").Number(uint64(state)).Add(" LOCK IN SHARE MODE")
	err := tx.Query(ctx, q.String(), func(r *mysql.Rows) error {
		return r.Each(func(func(...any)) error { there = true; return nil })
	})
	if err == nil && !there {
		err = taken()
	}
	return err
}

// taken is errTaken as transactions return it.
func taken() error {
	return chat.Wrap(errTaken, chat.CodeFailedPrecondition, chat.ReasonStorageUnavailable, "moving a slot")
}
