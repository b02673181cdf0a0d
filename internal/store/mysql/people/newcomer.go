package people

import (
	"context"

	"github.com/throng-im/throng/internal/account"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/store/mysql"
	"github.com/throng-im/throng/internal/store/record"
)

// newcomer is an account whose names are claimed, and that may not stand in its database yet.
type newcomer struct {
	id    chat.UserID
	admin bool
	value []byte
}

func newcomerOf(u account.Account) newcomer {
	return newcomer{id: u.ID, admin: u.Admin, value: record.AppendAccount(nil, u)}
}

// inserts sends rows in as many statements as their size asks for. What stands in front of the rows ends with VALUES, what stands
// behind them ends the statement.
type inserts struct {
	head, tail string
	send       func(statement string) error
	q          mysql.Text
}

// row appends a row: write appends what stands between the brackets.
func (i *inserts) row(write func(q *mysql.Text)) error {
	if i.q.Len() > mysql.StatementBytes/4 {
		if err := i.flush(); err != nil {
			return err
		}
	}
	if i.q.Len() == 0 {
		i.q.Add(i.head, "(")
	} else {
		i.q.Add(",(")
	}
	write(&i.q)
	i.q.Add(")")
	return nil
}

func (i *inserts) flush() error {
	if i.q.Len() == 0 {
		return nil
	}
	i.q.Add(i.tail)
	err := i.send(i.q.String())
	i.q.Reset()
	return err
}

// put writes newcomers into a table: newcomer, or account where there is no such row.
func put(table string, all []newcomer, send func(statement string) error) error {
	rows := inserts{head: "INSERT INTO newcomer (user, admin, value) VALUES ", send: send}
	if table == "account" {
		rows.head = "INSERT IGNORE INTO account (user, admin, value) VALUES "
	}
	for _, n := range all {
		err := rows.row(func(q *mysql.Text) {
			q.Number(uint64(n.id)).Add(",").Number(flag(n.admin)).Add(",").Blob(n.value)
		})
		if err != nil {
			return err
		}
	}
	return rows.flush()
}

func flag(set bool) uint64 {
	if set {
		return 1
	}
	return 0
}

// bringIn gives those of the users who are newcomers their rows; no users are all newcomers that there are.
func (a *Accounts) bringIn(ctx context.Context, ids []chat.UserID) error {
	var q mysql.Text
	q.Add("SELECT user, admin, value FROM newcomer")
	if len(ids) > 0 {
		q.Add(" WHERE user IN (")
		list(&q, ids)
		q.Add(")")
	}
	var all []newcomer
	err := a.home.Read(ctx, "newcomers", q.String(), func(r *mysql.Rows) error {
		all = all[:0]
		return r.Each(func(scan func(...any)) error {
			var n newcomer
			scan(&n.id, &n.admin, &n.value)
			all = append(all, n)
			return nil
		})
	})
	if err != nil {
		return err
	}
	return a.settle(ctx, all)
}

// settle gives newcomers their rows, and then lets them be newcomers no more. It may be done twice: a row that is there stays, and
// rows never go.
func (a *Accounts) settle(ctx context.Context, all []newcomer) error {
	if len(all) == 0 {
		return nil
	}
	ids := make([]chat.UserID, len(all))
	for i, n := range all {
		ids[i] = n.id
	}
	err := a.s.Routed(ctx, func(m *mysql.Map) error {
		of := make(map[*mysql.Database][]newcomer)
		for _, n := range all {
			d := m.OfUser(n.id)
			of[d] = append(of[d], n)
		}
		for d, some := range of {
			users := make([]chat.UserID, len(some))
			for i, n := range some {
				users[i] = n.id
			}
			err := m.TransactUsers(ctx, d, "newcomers", users, func(t *mysql.Tx) error {
				return put("account", some, func(statement string) error { return t.Exec(ctx, statement) })
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return a.home.Transact(ctx, "newcomers", func(t *mysql.Tx) error {
		var q mysql.Text
		q.Add("DELETE FROM newcomer WHERE user IN (")
		list(&q, ids)
		return t.Commit(ctx, q.Add(")").String())
	})
}
