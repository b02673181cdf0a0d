package mysql

import (
	"context"
	"database/sql"
	sqldriver "database/sql/driver"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"time"

	driver "github.com/go-sql-driver/mysql"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/store/record"
)

// How often a transaction is begun again, by what ended it.
const (
	maxConflicts = 12 // deadlocks, and rows that somebody else made first
	maxWaits     = 3  // waits for a lock that took too long
	maxBroken    = 3  // connections that broke before a commit was sent
)

// rows are the results of one or more statements. The first error ends them; whoever started them looks at it.
type rows struct {
	*sql.Rows
	err error
}

// next goes to the next row of a result.
func (r *rows) next() bool { return r.err == nil && r.Next() }

// scan reads the row's columns.
func (r *rows) scan(to ...any) {
	if r.err == nil {
		r.err = r.Scan(to...)
	}
}

// fail ends the reading with an error.
func (r *rows) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

// whole checks that a record was read to its end.
func (r *rows) whole(in *record.Reader, what string) {
	if !in.Done() {
		r.fail(record.ErrDamaged(what))
	}
}

// result goes to the result of the next statement that has one. What is left of the one before is passed over.
func (r *rows) result() bool { return r.err == nil && r.NextResultSet() }

// finish reads to the end, where the errors of later statements are.
func (r *rows) finish(err error) error {
	for r.NextResultSet() {
		continue
	}
	return errors.Join(err, r.err, r.Err(), r.Close())
}

// read runs statements outside of a transaction and hands their results to fn, which may be called again from the beginning: a
// connection that breaks is replaced once or twice.
func (d *shard) read(ctx context.Context, what, query string, fn func(r *rows) error, args ...any) error {
	begun := time.Now()
	var err error
	for n := range maxBroken {
		if n > 0 {
			d.store.metrics.again(what, endBroken)
			if pause(ctx, n) != nil {
				break
			}
		}
		if err = d.attempt(ctx, what, func() error { return d.readOnce(ctx, query, fn, args) }); endOf(err) != endBroken {
			break
		}
	}
	return d.done(what, begun, err)
}

func (d *shard) readOnce(ctx context.Context, query string, fn func(r *rows) error, args []any) error {
	result, err := d.db.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	r := &rows{Rows: result}
	return r.finish(fn(r))
}

// transact runs fn in a transaction and commits it. Deadlocks, waits for locks that take too long, and connections that break before
// the commit was sent begin it again, a bounded number of times: fn may be called again and starts from nothing each time. Inside of
// fn errors are the server's own (see [isDuplicate]); a *chat.Error that it returns ends the transaction and is returned. Of the error
// that comes back unknown is in doubt, everything else promises that nothing was stored.
func (d *shard) transact(ctx context.Context, what string, fn func(t *tx) error) error {
	begun := time.Now()
	var ended [endKinds]int
	for n := 1; ; n++ {
		err := d.attempt(ctx, what, func() error { return d.once(ctx, fn) })
		end := endOf(err)
		ended[end]++
		if end == endFinal || ended[endConflict] > maxConflicts || ended[endWait] > maxWaits || ended[endBroken] > maxBroken || d.store.closed.Load() {
			return d.done(what, begun, err)
		}
		d.store.metrics.again(what, end)
		if pause(ctx, n) != nil {
			return d.done(what, begun, err)
		}
	}
}

// snapshot is transact for reads: everything that fn reads is of one moment.
func (d *shard) snapshot(ctx context.Context, what string, fn func(t *tx) error) error {
	return d.transact(ctx, what, func(t *tx) error {
		t.start = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ;START TRANSACTION READ ONLY;"
		if err := fn(t); err != nil {
			return err
		}
		t.rollback(ctx, nil)
		return nil
	})
}

// done notes how a call went, and translates its error.
func (d *shard) done(what string, begun time.Time, err error) error {
	if isMoved(err) {
		d.store.metrics.again(what, endMoved)
		return err
	}
	err = d.store.translate(err, what)
	d.store.metrics.done(what, time.Since(begun), err)
	return err
}

// pause waits between two attempts, longer after each, and never as long as others do.
func pause(ctx context.Context, n int) error {
	most := min(time.Millisecond<<min(n, 10), 250*time.Millisecond)
	timer := time.NewTimer(time.Duration(rand.Int64N(int64(most)))) //nolint:gosec // nobody gains by guessing it
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// end is how an attempt ended.
type end uint8

const (
	endFinal    end = iota // with what its caller gets
	endConflict            // others were there first
	endWait                // a lock was waited for for too long
	endBroken              // the connection broke, and nothing was stored
	endMoved               // the database does not have the slot
	endKinds
)

// String is a word for the metrics.
func (e end) String() string {
	return [...]string{"final", "conflict", "lock_wait", "connection", "moved"}[e]
}

func endOf(err error) end {
	var again *againError
	var doubt *doubtError
	var silent *silentError
	var known *chat.Error
	if err == nil || errors.As(err, &doubt) || errors.As(err, &silent) {
		return endFinal
	}
	if errors.As(err, &again) {
		return endConflict
	}
	if errors.As(err, &known) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return endFinal
	}
	switch numberOf(err) {
	case numberDeadlock:
		return endConflict
	case numberLockWait, numberNotLocked:
		return endWait
	}
	if broken(err) {
		return endBroken
	}
	return endFinal
}

// broken reports that the connection is gone, or is going.
func broken(err error) bool {
	switch numberOf(err) {
	case 1053, 1317, 1927, 3169, 4031: // shutting down, interrupted, killed, killed while idle
		return true
	}
	var network net.Error
	return errors.Is(err, sqldriver.ErrBadConn) || errors.Is(err, driver.ErrInvalidConn) || errors.Is(err, io.EOF) ||
		errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &network)
}

// once makes one attempt.
func (d *shard) once(ctx context.Context, fn func(t *tx) error) error {
	conn, err := d.db.Conn(ctx)
	if err != nil {
		return err
	}
	t := &tx{d: d, conn: conn, start: "START TRANSACTION;"}
	whole := false
	defer func() {
		if !whole { // fn panicked
			t.discard()
		}
	}()
	if err = fn(t); err == nil {
		err = t.commit(ctx)
	}
	if t.open {
		t.rollback(ctx, err)
	}
	whole = true
	_ = conn.Close() // it gives the connection back, where it was not closed already
	return err
}

// closed is the error of giving a connection back, where it was not given back already.
func closed(err error) error {
	if errors.Is(err, sql.ErrConnDone) {
		return nil
	}
	return err
}

// tx is a transaction under way, for one goroutine. It begins with its first statement, in the same round trip.
type tx struct {
	d     *shard
	conn  *sql.Conn
	start string // what begins it
	open  bool   // begun, and neither committed nor rolled back
	guard *guard // what its first statement locks; nil for nothing
	notes notes  // what is stored with it of rows that it writes
}

func (t *tx) begin(query string) string {
	if t.open {
		return query
	}
	t.open = true
	return t.start + query
}

// query runs one or more statements and hands their results to fn. The first one looks at the guard on the way.
func (t *tx) query(ctx context.Context, query string, fn func(r *rows) error, args ...any) error {
	guarded := t.guard != nil && !t.open
	if guarded {
		query = t.guard.query() + ";" + query
	}
	result, err := t.conn.QueryContext(ctx, t.begin(query), args...)
	if err != nil {
		return err
	}
	r := &rows{Rows: result}
	if guarded {
		if err := t.guard.read(r); err != nil || !r.result() {
			return r.finish(err)
		}
		t.notes.users(t.guard)
	}
	return r.finish(fn(r))
}

// hold looks at the guard, where the first statement is one that returns nothing.
func (t *tx) hold(ctx context.Context) error {
	if t.guard == nil || t.open {
		return nil
	}
	g := t.guard
	t.guard = nil
	err := t.query(ctx, g.query(), g.read)
	t.guard = g
	t.notes.users(g)
	return err
}

// exec runs one or more statements without results. It returns how many rows the last one met; an upsert counts 1 for a row that it
// made and 2 for one that it changed.
func (t *tx) exec(ctx context.Context, query string, args ...any) (int64, error) {
	if err := t.hold(ctx); err != nil {
		return 0, err
	}
	result, err := t.conn.ExecContext(ctx, t.begin(query), args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// execCommit runs statements and commits, in one round trip. Whoever calls it has nothing more to do.
func (t *tx) execCommit(ctx context.Context, query string) error {
	if err := ctx.Err(); err != nil {
		return err // from here on a caller that gives up would leave it in doubt
	}
	if query != "" {
		if err := t.hold(ctx); err != nil {
			return err
		}
	}
	query = t.notes.with(query)
	if query != "" {
		query = t.begin(query) + ";"
	}
	_, err := t.conn.ExecContext(context.WithoutCancel(ctx), query+"COMMIT")
	switch {
	case err == nil:
		t.open = false
		return nil
	case errors.Is(err, sqldriver.ErrBadConn), errors.Is(err, driver.ErrPktTooLarge): // nothing was sent
		return err
	case refusedBeforeCommit(err):
		return err
	default:
		return &doubtError{err}
	}
}

// commit ends the transaction, where one was begun.
func (t *tx) commit(ctx context.Context) error {
	if !t.open {
		return nil
	}
	return t.execCommit(ctx, "")
}

// rollback ends a transaction, one that failed with err or one that changes nothing. A connection of which that is not certain is
// closed: the server then does it.
func (t *tx) rollback(ctx context.Context, err error) {
	var doubt *doubtError
	if errors.As(err, &doubt) || broken(err) {
		t.discard()
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if _, err := t.conn.ExecContext(ctx, "ROLLBACK"); err != nil {
		t.discard()
		return
	}
	t.open = false
}

// discard closes the connection instead of giving it back.
func (t *tx) discard() {
	t.open = false
	_ = t.conn.Raw(func(any) error { return sqldriver.ErrBadConn }) // the error is what closes it
}
