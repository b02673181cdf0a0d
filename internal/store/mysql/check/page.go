package check

import (
	"bytes"
	"context"
	"sort"

	"github.com/throng-im/throng/internal/store/mysql"
	"github.com/throng-im/throng/internal/store/record"
)

// page is a piece of a table that was read.
type page struct {
	from []byte // it begins with this key or behind it
	last []byte // up to which it was read; nil for the end of the table
	rows []row
}

type row struct {
	key, value []byte
	odd        string
	long       bool // the value is the beginning
}

// get is the value of a row of the page, nil for none; ok is false where the page does not say. Small conversations need no other question.
func (p *page) get(key []byte) (value []byte, ok bool) {
	if p == nil || bytes.Compare(key, p.from) < 0 || p.last != nil && bytes.Compare(key, p.last) > 0 {
		return nil, false
	}
	i := p.search(key, false)
	if i == len(p.rows) || !bytes.Equal(p.rows[i].key, key) {
		return nil, true
	}
	return p.rows[i].value, !p.rows[i].long || key[0] == record.TableEntry
}

// search is the first row of a page at a key, or behind it.
func (p *page) search(from []byte, after bool) int {
	return sort.Search(len(p.rows), func(i int) bool {
		n := bytes.Compare(p.rows[i].key, from)
		return n > 0 || n == 0 && !after
	})
}

// page is a piece of the table in which the row behind a key is, if there is one.
func (r *rows) page(ctx context.Context, d *mysql.Database, t *table, from []byte, after bool) (*page, error) {
	at := pageOf{d, t}
	p := r.pages[at]
	if p != nil && bytes.Compare(from, p.from) >= 0 {
		if n := bytes.Compare(from, p.last); p.last == nil || n < 0 || n == 0 && !after {
			return p, nil
		}
	}
	p = &page{from: bytes.Clone(from)}
	if after {
		p.from = append(p.from, 0)
	}
	n, view := 0, r.views[d]
	err := view.Read(ctx, "check "+t.name, t.pageQuery(from, after), func(in *mysql.Rows) error {
		return in.Each(func(scan func(...any)) error {
			v := t.scan(scan)
			n++
			if p.last = v.key; t.in(view, v.key) {
				p.rows = append(p.rows, v)
				return nil
			}
			return r.elsewhere(d, t, v.key)
		})
	})
	if err != nil {
		return nil, err //nolint:wrapcheck // it says what it was doing
	}
	if n < pageRows {
		p.last = nil
	}
	r.pages[at] = p
	if r.read != nil {
		r.read(t.name, n)
	}
	return p, nil
}

// scan reads a row of a page.
func (t *table) scan(scan func(...any)) row {
	numbers := make([]uint64, len(t.numbers))
	var blob []byte
	to := make([]any, 0, len(numbers)+len(t.rest)+2)
	for i := range numbers {
		to = append(to, &numbers[i])
	}
	if t.blob != "" {
		to = append(to, &blob)
	}
	rest := make([]cell, len(t.rest))
	for i, c := range t.rest {
		to = append(to, rest[i].into(c))
	}
	v := row{}
	if t.long {
		to = append(to, &v.long)
	}
	scan(to...)
	v.key = t.key(numbers, blob)
	if v.value, v.odd = t.row(numbers, blob, rest); v.value == nil {
		v.value = []byte{}
	}
	if v.long {
		v.odd = "" // of a part nobody can say
	}
	return v
}

// whole reads a row whose value was too long for its page.
func (r *rows) whole(ctx context.Context, d *mysql.Database, t *table, key []byte) (v row, err error) {
	short := *t
	short.long = false
	err = r.views[d].Read(ctx, "check "+t.name, t.getQuery([][]byte{key}, false), func(in *mysql.Rows) error {
		return in.Each(func(scan func(...any)) error { v = short.scan(scan); return nil })
	})
	return v, err //nolint:wrapcheck // it says what it was doing
}
