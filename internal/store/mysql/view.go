package mysql

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

// View is a database as it was at one moment, until it is closed, for who reads for long. It is for one goroutine, and has one result
// at a time. The server keeps what is overwritten meanwhile: a view that is held for hours costs it disk.
type View struct {
	d    *shard
	db   *sql.DB
	conn *sql.Conn
}

// viewPatience is how long the server waits for who reads a view, in seconds: as long as an export may take to write what it was given.
const viewPatience = "86400"

// View takes one. It has a connection of its own, beside those that calls wait for.
func (d *shard) View(ctx context.Context) (*View, error) {
	begun := time.Now()
	db, err := d.store.cfg.open(ctx, d.dsn)
	if err != nil {
		return nil, d.done("view", begun, err)
	}
	v := &View{d: d, db: db}
	if v.conn, err = db.Conn(ctx); err == nil {
		err = v.begin(ctx)
	}
	if err != nil {
		_ = v.Close()
		return nil, d.done("view", begun, err)
	}
	return v, d.done("view", begun, nil)
}

func (v *View) begin(ctx context.Context) error {
	const unknownVariable = 1193
	if _, err := v.conn.ExecContext(ctx, "SET SESSION idle_transaction_timeout = "+viewPatience); err != nil && numberOf(err) != unknownVariable {
		return err
	}
	_, err := v.conn.ExecContext(ctx, "SET SESSION wait_timeout = "+viewPatience+", net_write_timeout = "+viewPatience+";"+
		"SET TRANSACTION ISOLATION LEVEL REPEATABLE READ;START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
	return err
}

// Read hands the result of a statement to fn while it comes. An error of fn ends the view, and is returned as it is.
func (v *View) Read(ctx context.Context, what, query string, fn func(r *Rows) error) error {
	begun := time.Now()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	result, err := v.conn.QueryContext(ctx, query)
	if err != nil {
		return v.d.done(what, begun, err)
	}
	r := &rows{Rows: result}
	failed := fn(r)
	if failed != nil {
		cancel() // nobody reads the rest, which may be long
	}
	err = r.finish(nil)
	if failed != nil && r.err == nil {
		return failed
	}
	return v.d.done(what, begun, err)
}

// Close lets go of the database.
func (v *View) Close() error {
	var err error
	if v.conn != nil {
		err = v.conn.Close()
	}
	return errors.Join(err, v.db.Close())
}
