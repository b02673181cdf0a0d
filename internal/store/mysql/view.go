package mysql

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/throng-im/throng/internal/chat"
)

// View is a database as it was at one moment, until it is closed, for who reads for long. It is for one goroutine, and has one result
// at a time. The server keeps what is overwritten meanwhile: a view that is held for hours costs it disk.
type View struct {
	d    *shard
	db   *sql.DB
	conn *sql.Conn
	has  [slotKinds][chat.Slots]bool
	says [slotKinds][chat.Slots]bool // has a row about it
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
	if err == nil {
		err = v.look(ctx)
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

// look reads which slots the database had at that moment.
func (v *View) look(ctx context.Context) error {
	result, err := v.conn.QueryContext(ctx, "SELECT kind, slot, state FROM holding")
	if err != nil {
		return err
	}
	r := &rows{Rows: result}
	for r.next() {
		var kind slotKind
		var slot chat.Slot
		var state Holding
		r.scan(&kind, &slot, &state)
		if r.err == nil && kind < slotKinds && slot < chat.Slots {
			v.says[kind][slot] = true
			v.has[kind][slot] = state == HoldingOpen || state == HoldingCopied || state == HoldingClosed
		}
	}
	return r.finish(nil)
}

// HasConversation reports whether a conversation lay in the database. What else is found there of it is on its way, or is left over.
func (v *View) HasConversation(id chat.ConversationID) bool {
	return v.has[slotConversation][id.Slot()]
}

// HasUser reports whether a user lay in the database.
func (v *View) HasUser(id chat.UserID) bool { return v.has[slotUser][id.Slot()] }

// Says reports whether the database says anything of a slot: that it has it, or that it is on its way. Rows of another slot are nobody's.
func (v *View) Says(users bool, slot chat.Slot) bool {
	return v.says[(Move{Users: users}).kind()][slot]
}

// viewsTries is how often the databases are looked at while slots move.
const viewsTries = 20

// Views takes one of every database, so that every slot lies in one of them. Databases have no moment in common: where a slot moved
// between two views they are taken anew.
func (s *Store) Views(ctx context.Context) (map[*Database]*View, error) {
	for n := 1; ; n++ {
		views := make(map[*Database]*View, len(s.shards))
		var err error
		for _, d := range s.shards {
			var v *View
			if v, err = d.View(ctx); err != nil {
				break
			}
			views[d] = v
		}
		if err == nil && once(views) {
			return views, nil
		}
		for _, v := range views {
			err = errors.Join(err, v.Close())
		}
		if err == nil && n == viewsTries {
			err = chat.Errorf(chat.CodeUnavailable, chat.ReasonStorageUnavailable,
				"a slot is on its way from one database to another; try again, and see throng slots list where it stays like this")
		}
		if err == nil {
			err = s.translate(pause(ctx, n), "looking at the databases")
		}
		if err != nil {
			return nil, err
		}
	}
}

// once reports whether every slot lies in one view.
func once(views map[*Database]*View) bool {
	for kind := range slotKinds {
		for slot := range chat.Slots {
			n := 0
			for _, v := range views {
				if v.has[kind][slot] {
					n++
				}
			}
			if n != 1 {
				return false
			}
		}
	}
	return true
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
