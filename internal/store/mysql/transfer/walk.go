package transfer

import (
	"context"
	"slices"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/store/mysql"
)

// pageRows is how many rows of a table are read by one statement.
const pageRows = 500

// table is what is walked of each database, in the order of its key.
type table struct {
	name    string
	columns string   // those of the key, then the value
	key     []string // one column or two, numbers
	where   string   // "" for all rows
	has     func(v *mysql.View, first uint64) bool
}

func hasConversation(v *mysql.View, first uint64) bool {
	return v.HasConversation(chat.ConversationID(first))
}
func hasUser(v *mysql.View, first uint64) bool { return v.HasUser(chat.UserID(first)) }

// row is one of a walk.
type row struct {
	key   [2]uint64
	value []byte
}

// pages reads a table of one database, page by page: nothing is open between two pages, so that the view can be read meanwhile.
type pages struct {
	table
	view *mysql.View
	rows []row
	last [2]uint64 // that was read
	done bool
}

// next is the next row; nil at the end.
func (p *pages) next(ctx context.Context) (*row, error) {
	for len(p.rows) == 0 && !p.done {
		if err := p.read(ctx); err != nil {
			return nil, err
		}
	}
	if len(p.rows) == 0 {
		return nil, nil
	}
	return &p.rows[0], nil
}

func (p *pages) read(ctx context.Context) error {
	var q mysql.Text
	q.Add("SELECT ", p.columns, " FROM ", p.name, " WHERE ")
	if p.where != "" {
		q.Add(p.where, " AND ")
	}
	q.Add("(", p.key[0], " > ").Number(p.last[0])
	if len(p.key) == 2 {
		q.Add(" OR ", p.key[0], " = ").Number(p.last[0]).Add(" AND ", p.key[1], " > ").Number(p.last[1])
	}
	q.Add(") ORDER BY ", p.key[0])
	if len(p.key) == 2 {
		q.Add(", ", p.key[1])
	}
	q.Add(" LIMIT ").Number(pageRows)
	n := 0
	err := p.view.Read(ctx, "export "+p.name, q.String(), func(r *mysql.Rows) error {
		return r.Each(func(scan func(...any)) error {
			var v row
			to := []any{&v.key[0], &v.key[1], &v.value}
			if len(p.key) == 1 {
				to = slices.Delete(to, 1, 2)
			}
			scan(to...)
			n++
			if p.last = v.key; p.has(p.view, v.key[0]) {
				p.rows = append(p.rows, v)
			}
			return nil
		})
	})
	if err != nil {
		return err
	}
	p.done = n < pageRows
	return nil
}

// walk hands the rows of a table to fn, those of all databases in one order.
func walk(ctx context.Context, s *mysql.Store, views map[*mysql.Database]*mysql.View, t table, fn func(r row) error) error {
	all := make([]*pages, 0, len(views))
	for _, d := range s.Databases() {
		all = append(all, &pages{table: t, view: views[d]})
	}
	for {
		var least *pages
		var first *row
		for _, p := range all {
			r, err := p.next(ctx)
			if err != nil {
				return err
			}
			if r != nil && (first == nil || slices.Compare(r.key[:], first.key[:]) < 0) {
				least, first = p, r
			}
		}
		if first == nil {
			return nil
		}
		least.rows = least.rows[1:]
		if err := fn(*first); err != nil {
			return err
		}
	}
}
