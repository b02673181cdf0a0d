package mysql

import (
	"context"

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
)

// Home is the database of what is unique over all.
func (s *Store) Home() *Database { return s.home() }

// Databases returns all of them, the home database first. The slice is borrowed.
func (s *Store) Databases() []*Database { return s.shards }

// OfUser is the database of a user.
func (s *Store) OfUser(user chat.UserID) *Database { return s.ofUser(user) }

// OfConversation is the database of a conversation.
func (s *Store) OfConversation(id chat.ConversationID) *Database { return s.ofConversation(id) }

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
