package check

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/store/audit"
	"github.com/throng-im/throng/internal/store/mysql"
	"github.com/throng-im/throng/internal/store/record"
)

var _ audit.Rows = (*rows)(nil)

// rows are the databases' as of a moment each, read page by page: the next page is often there before it is asked for.
type rows struct {
	s       *mysql.Store
	every   time.Duration // how long a moment is looked at
	odd     func(text string) error
	stray   func(text string) error
	read    func(table string, rows int)
	views   map[*mysql.Database]*mysql.View
	since   time.Time
	pages   map[pageOf]*page
	strange map[string]bool // tables with slots that are not there, which were told
}

type pageOf struct {
	d *mysql.Database
	t *table
}

func newRows(s *mysql.Store, every time.Duration) *rows {
	return &rows{s: s, every: every, strange: map[string]bool{}}
}

// renew goes to this moment.
func (r *rows) renew(ctx context.Context) error {
	if err := r.close(); err != nil {
		return err
	}
	views, err := r.s.Views(ctx)
	if err != nil {
		return err //nolint:wrapcheck // it says what it was doing
	}
	r.views, r.since, r.pages = views, time.Now(), make(map[pageOf]*page)
	return nil
}

func (r *rows) close() error {
	all := make([]error, 0, len(r.views))
	for _, v := range r.views {
		all = append(all, v.Close())
	}
	r.views = nil
	return errors.Join(all...)
}

// Rest implements audit.Rows: servers keep what is overwritten while a moment is looked at.
func (r *rows) Rest(ctx context.Context) error {
	if time.Since(r.since) < r.every {
		return nil
	}
	return r.renew(ctx)
}

// in reports whether a row of a table lies in a database.
func (t *table) in(v *mysql.View, key []byte) bool {
	switch t.place {
	case byConversation:
		return v.HasConversation(chat.ConversationID(record.First(key)))
	case byUser:
		return v.HasUser(chat.UserID(record.First(key)))
	case atHome:
	}
	return true
}

// databases are those that may have rows of a table between two keys.
func (r *rows) databases(t *table, from, to []byte) []*mysql.Database {
	all := r.s.Databases()
	switch {
	case t.place == atHome:
		return all[:1]
	case len(from) >= record.Key1Len && len(to) >= record.Key1Len && bytes.Compare(to, record.KeyAfter(from[0], record.First(from))) <= 0:
		for _, d := range all {
			if t.in(r.views[d], from) {
				return []*mysql.Database{d}
			}
		}
		return nil
	}
	return all
}

// Walk implements audit.Rows.
func (r *rows) Walk(ctx context.Context, from, to []byte, fn func(key, value []byte) error) error {
	t := tables[from[0]]
	if t == nil {
		return nil
	}
	for _, d := range r.databases(t, from, to) {
		if err := r.walk(ctx, d, t, from, to, fn); err != nil {
			return err
		}
	}
	return nil
}

func (r *rows) walk(ctx context.Context, d *mysql.Database, t *table, from, to []byte, fn func(key, value []byte) error) error {
	for after := false; ; after = true {
		p, err := r.page(ctx, d, t, from, after)
		if err != nil {
			return err
		}
		some := p.rows[p.search(from, after):]
		for i := range some {
			v := &some[i]
			if bytes.Compare(v.key, to) >= 0 {
				return nil
			}
			if err := r.row(ctx, d, t, v, fn); err != nil {
				return err
			}
		}
		if p.last == nil || bytes.Compare(p.last, to) >= 0 {
			return nil
		}
		from = p.last
	}
}

func (r *rows) row(ctx context.Context, d *mysql.Database, t *table, v *row, fn func(key, value []byte) error) error {
	value, odd := v.value, v.odd
	if v.long {
		all, err := r.whole(ctx, d, t, v.key)
		if err != nil {
			return err
		}
		value, odd = all.value, all.odd
	}
	if odd != "" {
		if err := r.odd(fmt.Sprintf("%s: %s", t.named(v.key), odd)); err != nil {
			return err
		}
	}
	return fn(v.key, value)
}

// named names a row for people.
func (t *table) named(key []byte) string {
	numbers, blob := t.parse(key)
	s := "table " + t.name + ","
	for i, n := range numbers {
		s += fmt.Sprintf(" %s %d", t.numbers[i], n)
	}
	if t.blob != "" {
		s += fmt.Sprintf(" %s %q", t.blob, blob)
	}
	return s
}

// database is where the row of a key lies, of a table that is spread.
func (t *table) database(m *mysql.Map, key []byte) *mysql.Database {
	if t.place == byUser {
		return m.OfUser(chat.UserID(record.First(key)))
	}
	return m.OfConversation(chat.ConversationID(record.First(key)))
}

// elsewhere tells of rows in a database that does not have their slot. Those of slots on their way are in order.
func (r *rows) elsewhere(d *mysql.Database, t *table, key []byte) error {
	if t.place == byUser {
		return r.astray(d, t.name, slotOf{true, chat.UserID(record.First(key)).Slot()})
	}
	return r.astray(d, t.name, slotOf{false, chat.ConversationID(record.First(key)).Slot()})
}

func (r *rows) astray(d *mysql.Database, table string, slot slotOf) error {
	if r.views[d].Says(slot.users, slot.slot) {
		return nil
	}
	text := fmt.Sprintf("database %s has rows in its table %s of %s, which lies in another one", d.Address(), table, slot)
	if r.strange[text] {
		return nil
	}
	r.strange[text] = true
	return r.stray(text)
}

// Get implements audit.Rows.
func (r *rows) Get(ctx context.Context, keys [][]byte) ([][]byte, error) {
	found := make(map[string][]byte, len(keys))
	wanted := map[pageOf][][]byte{}
	for _, key := range keys {
		t := tables[key[0]]
		if t == nil {
			continue
		}
		numbers, blob := t.parse(key)
		if len(numbers) < len(t.numbers) || t.blob != "" && len(blob) == 0 {
			continue // there is no such row
		}
		for _, d := range r.databases(t, key, append(bytes.Clone(key), 0)) {
			at := pageOf{d, t}
			if value, ok := r.pages[at].get(key); ok {
				found[string(key)] = value
				continue
			}
			wanted[at] = append(wanted[at], key)
		}
	}
	for at, some := range wanted {
		like := *at.t
		like.long = at.t.letter == record.TableEntry
		err := r.views[at.d].Read(ctx, "check "+at.t.name, at.t.getQuery(some, like.long), func(in *mysql.Rows) error {
			return in.Each(func(scan func(...any)) error {
				v := like.scan(scan)
				found[string(v.key)] = v.value
				return nil
			})
		})
		if err != nil {
			return nil, err //nolint:wrapcheck // it says what it was doing
		}
	}
	values := make([][]byte, len(keys))
	for i, key := range keys {
		values[i] = found[string(key)]
	}
	return values, nil
}

// Next implements audit.Rows.
func (r *rows) Next(ctx context.Context, letters []byte, from uint64) (n uint64, ok bool, err error) {
	for _, letter := range letters {
		for _, d := range r.s.Databases() {
			key, err := r.first(ctx, d, tables[letter], record.Key1(letter, from))
			if err != nil {
				return 0, false, err
			}
			if key != nil && (!ok || record.First(key) < n) {
				n, ok = record.First(key), true
			}
		}
	}
	return n, ok, nil
}

// first is the first key of a database's table at or behind one; nil where there is none.
func (r *rows) first(ctx context.Context, d *mysql.Database, t *table, from []byte) ([]byte, error) {
	for after := false; ; after = true {
		p, err := r.page(ctx, d, t, from, after)
		if err != nil {
			return nil, err
		}
		if i := p.search(from, after); i < len(p.rows) {
			return p.rows[i].key, nil
		}
		if p.last == nil {
			return nil, nil
		}
		from = p.last
	}
}

// last is the highest conversation of which there is anything.
func (r *rows) last(ctx context.Context) (last chat.ConversationID, err error) {
	for _, letter := range audit.Tables {
		for _, v := range r.views {
			err := v.Read(ctx, "check last", "SELECT COALESCE(MAX(conversation), 0) FROM "+tables[letter].name, func(in *mysql.Rows) error {
				return in.Each(func(scan func(...any)) error {
					var id chat.ConversationID
					scan(&id)
					last = max(last, id)
					return nil
				})
			})
			if err != nil {
				return 0, err //nolint:wrapcheck // it says what it was doing
			}
		}
	}
	return last, nil
}
