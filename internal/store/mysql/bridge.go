package mysql

import (
	"context"

	driver "github.com/go-sql-driver/mysql"

	"github.com/throng-im/throng/internal/chat"
)

// The packages beneath this one keep what belongs to users, and carry installs in and out. They speak to the databases through what is
// in this file; what it says about transactions and errors is said where the things themselves are.

type (
	// Database is one of the databases. Two are the same one where the pointers are equal.
	Database = shard
	// Tx is a transaction under way.
	Tx = tx
	// Rows are the results of statements.
	Rows = rows
	// Text is a text of statements.
	Text = text
	// Place is where a user's rows are: calls go to the database that has them, and follow them where they move.
	Place = place
	// Map says which database has which slot.
	Map = slotMap
)

// Home is the database of what is unique over all.
func (s *Store) Home() *Database { return s.home() }

// Databases returns all of them, the home database first. The slice is borrowed.
func (s *Store) Databases() []*Database { return s.shards }

// Number is the database's number for good; 1 is the home database.
func (d *shard) Number() uint64 { return d.id }

// Address is where the database is, as host:port/name.
func (d *shard) Address() string {
	c, err := driver.ParseDSN(d.dsn)
	if err != nil { // it was opened, so there is none
		return ""
	}
	return c.Addr + "/" + c.DBName
}

// OfSlot is the database of a slot, as far as this node knows.
func (s *Store) OfSlot(users bool, slot chat.Slot) *Database {
	return s.slots.Load().of[(Move{Users: users}).kind()][slot]
}

// Reload reads where the slots are.
func (s *Store) Reload(ctx context.Context) error { return s.reload(ctx, s.slots.Load()) }

// OfUser is the database of a user, as far as this node knows. It is for whoever keeps slots from moving meanwhile.
func (s *Store) OfUser(user chat.UserID) *Database { return s.ofUser(user).of(s.slots.Load()) }

// OfConversation is the database of a conversation; see OfUser.
func (s *Store) OfConversation(id chat.ConversationID) *Database {
	return s.ofConversation(id).of(s.slots.Load())
}

// UserPlace is where a user's rows are.
func (s *Store) UserPlace(user chat.UserID) Place { return s.ofUser(user) }

// Read runs one statement outside of a transaction, in the user's database; fn may be called again from the beginning.
func (p place) Read(ctx context.Context, what, query string, fn func(r *Rows) error) error {
	return p.read(ctx, what, query, fn)
}

// Transact runs fn in a transaction in the user's database and commits it; fn may be called again from the beginning.
func (p place) Transact(ctx context.Context, what string, fn func(t *Tx) error) error {
	return p.transact(ctx, what, fn)
}

// Routed calls fn with where the slots are, and again where one has moved meanwhile: fn starts from nothing each time, and reads what is
// in slots by the map.
func (s *Store) Routed(ctx context.Context, fn func(m *Map) error) error { return s.routed(ctx, fn) }

// OfUser is the database of a user.
func (m *slotMap) OfUser(user chat.UserID) *Database { return m.of[slotUser][user.Slot()] }

// OfConversation is the database of a conversation.
func (m *slotMap) OfConversation(id chat.ConversationID) *Database {
	return m.of[slotConversation][id.Slot()]
}

// Read runs one statement outside of a transaction. What it returns of slots that the map has in that database is true.
func (m *slotMap) Read(ctx context.Context, d *Database, what, query string, fn func(r *Rows) error) error {
	return m.read(ctx, d, what, query, fn)
}

// Check ends a call of Routed in which something was read in a transaction, where a slot has left the database.
func (m *slotMap) Check(ctx context.Context, t *Tx) error {
	return t.query(ctx, holdingsQuery, func(r *rows) error {
		n := uint64(0)
		for r.next() {
			r.scan(&n)
		}
		if n != m.holdings[t.d] {
			return &movedError{}
		}
		return nil
	})
}

// TransactUsers is Transact in a database that the map has those users in, who are written.
func (m *slotMap) TransactUsers(ctx context.Context, d *Database, what string, users []chat.UserID, fn func(t *Tx) error) error {
	slots := slotsOf(users)
	return d.transact(ctx, what, func(t *tx) error {
		t.guard = &guard{kind: slotUser, slots: slots, users: users}
		return fn(t)
	})
}

// Hold says which of some users, who are going to be written, are in the transaction's database until it ends. It may be called once.
func (t *tx) Hold(ctx context.Context, users []chat.UserID) (held map[chat.UserID]bool, err error) {
	g := &guard{kind: slotUser, slots: slotsOf(users), some: true}
	if len(users) > 0 {
		err = t.query(ctx, g.query(), g.read)
	}
	if err != nil {
		return nil, err
	}
	held = make(map[chat.UserID]bool)
	for _, user := range users {
		if held[user] = g.open[user.Slot()]; held[user] {
			g.users = append(g.users, user)
		}
	}
	t.notes.users(g)
	return held, nil
}

// In reports which database a transaction is in.
func (t *tx) In(d *Database) bool { return t.d == d }

// IsDuplicate reports, inside of [Database.Transact], that a row's key is taken.
func IsDuplicate(err error) bool { return isDuplicate(err) }

// BeginAgain ends a transaction that met what somebody else had made meanwhile, so that it is begun again.
func BeginAgain(cause error) error { return &againError{cause} }

// Read runs statements outside of a transaction; fn may be called again from the beginning.
func (d *shard) Read(ctx context.Context, what, query string, fn func(r *Rows) error, args ...any) error {
	return d.read(ctx, what, query, fn, args...)
}

// Transact runs fn in a transaction and commits it; fn may be called again from the beginning.
func (d *shard) Transact(ctx context.Context, what string, fn func(t *Tx) error) error {
	return d.transact(ctx, what, fn)
}

// Query runs statements and hands their results to fn.
func (t *tx) Query(ctx context.Context, query string, fn func(r *Rows) error, args ...any) error {
	return t.query(ctx, query, fn, args...)
}

// Exec runs statements without results.
func (t *tx) Exec(ctx context.Context, query string, args ...any) error {
	_, err := t.exec(ctx, query, args...)
	return err
}

// Count is Exec that says how many rows the last statement met.
func (t *tx) Count(ctx context.Context, query string) (int64, error) { return t.exec(ctx, query) }

// Commit runs statements and commits, in one round trip. Whoever calls it has nothing more to do.
func (t *tx) Commit(ctx context.Context, query string) error { return t.execCommit(ctx, query) }

// Each calls fn for each row of a result, with scan for its columns, until fn says that it is enough.
func (r *rows) Each(fn func(scan func(to ...any)) error) error {
	for r.next() {
		if err := fn(r.scan); err != nil {
			return err
		}
		if r.err != nil {
			return r.err
		}
	}
	return r.err
}

// More goes to the result of the next statement that has one.
func (r *rows) More() bool { return r.result() }

// Add appends words of ours.
func (t *text) Add(words ...string) *Text { return t.add(words...) }

// Number appends a number.
func (t *text) Number(n uint64) *Text { return t.number(n) }

// Blob appends bytes.
func (t *text) Blob(b []byte) *Text { return t.blob(b) }

// Len is how many bytes the text has.
func (t *text) Len() int { return len(t.b) }

// Reset begins the text anew.
func (t *text) Reset() { t.b = t.b[:0] }

// StatementBytes is how long a text of statements gets before it is sent.
const StatementBytes = statementBytes
