package migration

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"strings"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/store/mysql"
)

// sums say what stands in the tables, whatever the order in which it was read: how many rows, and the sum of their hashes.
type sums struct {
	seed maphash.Seed
	of   map[*table]*[chat.Slots]sum
	buf  []byte
}

type sum struct{ rows, hash uint64 }

func newSums(seed maphash.Seed) *sums {
	s := &sums{seed: seed, of: make(map[*table]*[chat.Slots]sum)}
	for _, t := range tables {
		s.of[t] = new([chat.Slots]sum)
	}
	return s
}

func (s *sums) add(r row) {
	s.buf = r.bytes(s.buf[:0])
	at := &s.of[r.t][r.slot()]
	at.rows++
	at.hash += maphash.Bytes(s.seed, s.buf)
}

func (s *sums) rows(t *table) (n uint64) {
	for _, v := range s.of[t] {
		n += v.rows
	}
	return n
}

// Report says what was compared.
type Report struct {
	Tables []Count
}

// Count is how many rows a table has.
type Count struct {
	Table string
	Rows  uint64
}

// Difference is a table in which the two are not the same.
type Difference struct {
	Table             string
	Folder, Databases uint64 // rows
	Slots             int    // in how many of them
}

// DifferentError says that the databases do not have what the folder has.
type DifferentError struct{ Differences []Difference }

// Error implements error.
func (e *DifferentError) Error() string {
	all := make([]string, 0, len(e.Differences))
	for _, d := range e.Differences {
		all = append(all, fmt.Sprintf("%s (%d rows in the folder, %d in the databases, different in %d slots)", d.Table, d.Folder, d.Databases, d.Slots))
	}
	return "the databases do not have what the folder has, in " + strings.Join(all, ", ") +
		"; was the folder served from meanwhile? begin again with empty databases"
}

// Compare walks a data folder and databases, and compares them, as a copy does at its end. Nobody may write to either meanwhile.
func Compare(ctx context.Context, f Folder, s *mysql.Store, o Options) (Report, error) {
	seed := maphash.MakeSeed()
	here, there := newSums(seed), newSums(seed)
	done := uint64(0)
	err := walk(ctx, f, nil, func(_ []byte, rows []row) error {
		for _, r := range rows {
			here.add(r)
			if done++; done%progressEvery == 0 {
				o.tell(Progress{Doing: Reading, Rows: done, Table: r.t.name})
			}
		}
		return nil
	})
	if err != nil {
		return Report{}, err
	}
	for _, d := range s.Databases() {
		if err := there.read(ctx, s, d, o); err != nil {
			return Report{}, err
		}
	}
	var report Report
	var different DifferentError
	for _, t := range tables {
		slots := 0
		for i := range chat.Slots {
			if here.of[t][i] != there.of[t][i] {
				slots++
			}
		}
		if slots > 0 {
			different.Differences = append(different.Differences, Difference{t.label(), here.rows(t), there.rows(t), slots})
		}
		report.Tables = append(report.Tables, Count{t.label(), there.rows(t)})
	}
	if len(different.Differences) > 0 {
		return report, &different
	}
	return report, nil
}

// label is what the table is called before people.
func (t *table) label() string {
	switch t {
	case inside:
		return "shelf (memberships)"
	case settings:
		return "shelf (settings)"
	}
	return t.name
}

// read adds up what a database has.
func (s *sums) read(ctx context.Context, store *mysql.Store, d *mysql.Database, o Options) (err error) {
	view, err := d.View(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, view.Close()) }()
	done := uint64(0)
	for _, t := range tables {
		if t.place == atHome && d != store.Home() {
			continue
		}
		err := view.Read(ctx, "compare "+t.name, t.query(), func(r *mysql.Rows) error {
			return r.Each(func(scan func(...any)) error {
				v := t.scan(scan)
				if v.database(store) != d {
					return fmt.Errorf("a row of %s is in a database that does not have its slot", t.name)
				}
				s.add(v)
				if done++; done%progressEvery == 0 {
					o.tell(Progress{Doing: Comparing, Rows: done, Table: t.name})
				}
				return nil
			})
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (t *table) scan(scan func(...any)) row {
	r := row{t, make([]uint64, len(t.numbers)), make([][]byte, len(t.blobs))}
	to := make([]any, 0, len(t.numbers)+len(t.blobs))
	for i := range r.numbers {
		to = append(to, &r.numbers[i])
	}
	for i := range r.blobs {
		to = append(to, &r.blobs[i])
	}
	scan(to...)
	return r
}
