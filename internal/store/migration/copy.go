package migration

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/throng-im/throng/internal/store/mysql"
	"github.com/throng-im/throng/internal/store/record"
)

// Options of a copy.
type Options struct {
	// BatchRows is how many rows are written at once at most; 0 is 20,000.
	BatchRows int
	// Progress is told now and then how far it is; nil is nobody.
	Progress func(Progress)
}

func (o Options) tell(p Progress) {
	if o.Progress != nil {
		o.Progress(p)
	}
}

// Progress says how far a copy is.
type Progress struct {
	Doing Doing
	// Rows were dealt with by this step so far.
	Rows uint64
	// Table that it is in.
	Table string
}

// Doing is what a copy does.
type Doing uint8

// The steps of a copy.
const (
	Copying   Doing = iota + 1 // rows are written; everything up to here is stored
	Reading                    // the folder is added up
	Comparing                  // the databases are added up
)

const (
	progressEvery = 100_000 // rows
	batchRows     = 20_000
	batchBytes    = 8 << 20 // of text
	sendBytes     = mysql.StatementBytes / 4
)

// Copy copies a data folder into databases, which are empty or were left by a copy of the same folder that did not come to its end, and
// compares the two. After an error it is called again, and goes on.
func Copy(ctx context.Context, f Folder, to *mysql.Store, o Options) (Report, error) {
	behind, err := begin(ctx, f, to)
	if err != nil {
		return Report{}, err
	}
	b := batch{to: to, most: o.BatchRows}
	if b.most <= 0 {
		b.most = batchRows
	}
	rows := uint64(0)
	flush := func() error {
		if err := b.write(ctx); err != nil {
			return err
		}
		o.tell(Progress{Doing: Copying, Rows: rows, Table: b.table})
		return nil
	}
	err = walk(ctx, f, behind, func(key []byte, some []row) error {
		b.add(key, some)
		rows++
		if b.full() {
			return flush()
		}
		return nil
	})
	if err == nil && b.last != nil {
		err = flush()
	}
	if err != nil {
		return Report{}, err
	}
	report, err := Compare(ctx, f, to, o)
	if err != nil {
		return report, err
	}
	return report, to.Home().Transact(ctx, "migrate", func(t *mysql.Tx) error { return t.Commit(ctx, "DELETE FROM copying") })
}

// begin says behind which key to go on. Databases that have something else in them are refused.
func begin(ctx context.Context, f Folder, to *mysql.Store) (behind []byte, err error) {
	name, err := f.Number(record.MetaGeneration) // drawn once, when a folder is first served from
	if err != nil {
		return nil, err
	}
	found, source := false, uint64(0)
	err = to.Home().Read(ctx, "migrate", "SELECT source, position FROM copying", func(r *mysql.Rows) error {
		found = false
		return r.Each(func(scan func(...any)) error {
			scan(&source, &behind)
			found = true
			return nil
		})
	})
	switch {
	case err != nil:
		return nil, err
	case found && source != name:
		return nil, errors.New("the databases hold a part of another folder, or the folder's timelines were made anew meanwhile; begin with empty databases")
	case found:
		return behind, nil
	}
	for _, d := range to.Databases() {
		for _, t := range tables {
			if err := empty(ctx, d, t); err != nil {
				return nil, err
			}
		}
	}
	return nil, to.Home().Transact(ctx, "migrate", func(t *mysql.Tx) error {
		var q mysql.Text
		q.Add("INSERT INTO copying (source, position) VALUES (").Number(name).Add(", '')")
		return t.Commit(ctx, q.String())
	})
}

// empty refuses a table that has rows. Numbers are there from the first start on.
func empty(ctx context.Context, d *mysql.Database, t *table) error {
	if t == numbers {
		return nil
	}
	full := false
	err := d.Read(ctx, "migrate", "SELECT 1 FROM "+t.name+" LIMIT 1", func(r *mysql.Rows) error {
		full = false
		return r.Each(func(func(...any)) error { full = true; return nil })
	})
	if err == nil && full {
		err = fmt.Errorf("the databases are not empty: the table %s has rows; a folder is copied into databases that no server has run on", t.name)
	}
	return err
}

// batch gathers rows until it is worth a transaction.
type batch struct {
	to    *mysql.Store
	rows  map[*mysql.Database]map[*table][]row
	last  []byte // key of the folder up to which it goes
	table string // of the last row
	most  int    // rows
	count int
	bytes int
}

func (b *batch) add(key []byte, rows []row) {
	b.last = key
	if b.rows == nil {
		b.rows = make(map[*mysql.Database]map[*table][]row)
	}
	for _, r := range rows {
		d := r.database(b.to)
		if b.rows[d] == nil {
			b.rows[d] = make(map[*table][]row)
		}
		b.rows[d][r.t] = append(b.rows[d][r.t], r)
		b.table = r.t.name
		b.count++
		b.bytes += r.size()
	}
}

func (b *batch) full() bool { return b.count >= b.most || b.bytes >= batchBytes }

// write stores the rows, then how far it came. A write that is repeated leaves the same.
func (b *batch) write(ctx context.Context) error {
	var all sync.WaitGroup
	errs := make([]error, len(b.to.Databases()))
	for i, d := range b.to.Databases() {
		all.Go(func() {
			if len(b.rows[d]) > 0 {
				errs[i] = d.Transact(ctx, "migrate", func(t *mysql.Tx) error { return send(ctx, t, b.rows[d]) })
			}
		})
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	b.rows, b.count, b.bytes = nil, 0, 0
	return b.to.Home().Transact(ctx, "migrate", func(t *mysql.Tx) error {
		var q mysql.Text
		q.Add("UPDATE copying SET position = ").Blob(b.last)
		return t.Commit(ctx, q.String())
	})
}

func send(ctx context.Context, t *mysql.Tx, rows map[*table][]row) error {
	var q mysql.Text
	for _, tb := range tables {
		for i, r := range rows[tb] {
			if q.Len() == 0 {
				q.Add(tb.begin())
			} else {
				q.Add(",")
			}
			r.write(&q)
			if q.Len() < sendBytes && i+1 < len(rows[tb]) {
				continue
			}
			q.Add(tb.end())
			if err := t.Exec(ctx, q.String()); err != nil {
				return err
			}
			q.Reset()
		}
	}
	return nil
}
