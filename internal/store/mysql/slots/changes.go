package slots

import (
	"context"
	"slices"

	"github.com/throng-im/throng/internal/store/mysql"
)

// usersAtOnce is how many users are copied whole by one statement.
const usersAtOnce = 20

// changes copies what was noted, as it is now, and returns how many notes there were, at most changesAtOnce. Into is told what they were
// about; nil is nobody. A row that is written meanwhile is noted once more.
func (a *attempt) changes(ctx context.Context, into map[change]bool) (int, error) {
	if err := a.alive(ctx); err != nil {
		return 0, err
	}
	var numbers []uint64
	var noted map[change]bool
	var q mysql.Text
	q.Add("SELECT number, what, a, b, c FROM slot_change", of(a.slot), " ORDER BY number LIMIT ").Number(changesAtOnce)
	err := a.move.Source.Read(ctx, "move changes", q.String(), func(r *mysql.Rows) error {
		numbers, noted = nil, make(map[change]bool)
		return r.Each(func(scan func(...any)) error {
			var n uint64
			var c change
			var client []byte
			scan(&n, &c.what, &c.a, &c.b, &client)
			copy(c.c[:], client)
			numbers = append(numbers, n)
			noted[c] = true
			return nil
		})
	})
	if err != nil || len(numbers) == 0 {
		return 0, err
	}
	if err := a.changed(ctx, noted, false); err != nil {
		return 0, err
	}
	for c := range noted {
		if into != nil {
			into[c] = true
		}
	}
	q.Reset()
	q.Add("DELETE FROM slot_change WHERE number IN (")
	for i, n := range numbers {
		if i > 0 {
			q.Add(",")
		}
		q.Number(n)
	}
	q.Add(")")
	return len(numbers), a.move.Source.Transact(ctx, "move changes", func(t *mysql.Tx) error { return t.Commit(ctx, q.String()) })
}

// alive says that somebody is here; while the slot is closed that is what its term is for.
func (a *attempt) alive(ctx context.Context) error {
	if a.move.Stage == mysql.StageClosed {
		return nil
	}
	return a.beat(ctx)
}

// changed copies the rows that changes are about, or with check compares them.
func (a *attempt) changed(ctx context.Context, noted map[change]bool, check bool) error {
	for _, t := range a.slot.tables() {
		var keys []row
		for c := range noted {
			if c.what == t.what {
				keys = append(keys, t.of(c))
			}
		}
		if len(keys) == 0 {
			continue
		}
		var err error
		if t.what == mysql.NotedUser {
			err = a.users(ctx, t, keys, check)
		} else {
			err = a.keys(ctx, t, keys, check)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// users copies, or compares, everything of some users in a table.
func (a *attempt) users(ctx context.Context, t *table, keys []row, check bool) error {
	for some := range slices.Chunk(keys, usersAtOnce) {
		var q mysql.Text
		q.Add(t.numbers[0], " IN (")
		for i, r := range some {
			if i > 0 {
				q.Add(",")
			}
			q.Number(r.numbers[0])
		}
		if err := a.where(ctx, t, q.Add(")").String(), check); err != nil {
			return err
		}
	}
	return nil
}

// clear removes what a database has of the slot, while its row says that it is of no use there, and then the row, and the move.
func (a *attempt) clear(ctx context.Context, d *mysql.Database, state mysql.Holding) error {
	there := false
	var q mysql.Text
	q.Add("SELECT 1 FROM holding", a.move.Where(), " AND state=").Number(uint64(state))
	err := d.Read(ctx, "move", q.String(), func(r *mysql.Rows) error {
		there = false
		return r.Each(func(func(...any)) error { there = true; return nil })
	})
	if err != nil {
		return err
	}
	if there {
		if err := a.empty(ctx, d, state); err != nil {
			return err
		}
	}
	return a.m.s.Home().Transact(ctx, "move", func(t *mysql.Tx) error {
		return t.Commit(ctx, "DELETE FROM slot_move"+a.move.Where())
	})
}

// empty removes the rows of all tables, a few at a time.
func (a *attempt) empty(ctx context.Context, d *mysql.Database, state mysql.Holding) error {
	remove := func(statement string) error {
		for {
			n := int64(0)
			err := d.Transact(ctx, "move clear", func(t *mysql.Tx) (err error) {
				if err = a.still(ctx, t, state); err != nil {
					return err
				}
				var q mysql.Text
				n, err = t.Count(ctx, q.Add(statement, " LIMIT ").Number(pageRows).String())
				return err
			})
			if err == nil {
				err = a.beat(ctx)
			}
			if err != nil || n < pageRows {
				return err
			}
		}
	}
	for _, t := range a.slot.tables() {
		err := a.chunks(ctx, []*mysql.Database{d}, t, func(ids []uint64) error {
			var q mysql.Text
			q.Add("DELETE FROM ", t.name, " WHERE ", t.numbers[0], " IN (")
			for i, id := range ids {
				if i > 0 {
					q.Add(",")
				}
				q.Number(id)
			}
			return remove(q.Add(")").String())
		})
		if err != nil {
			return err
		}
	}
	if !a.slot.Users {
		var q mysql.Text
		if err := remove(q.Add("DELETE FROM outbox WHERE slot=").Number(uint64(a.slot.Number)).String()); err != nil {
			return err
		}
	}
	return d.Transact(ctx, "move clear", func(t *mysql.Tx) error {
		var q mysql.Text
		q.Add("DELETE FROM holding", a.move.Where(), " AND state=").Number(uint64(state))
		if state == mysql.HoldingLeft {
			q.Add(";DELETE FROM slot_change", of(a.slot))
		}
		return t.Commit(ctx, q.String())
	})
}
