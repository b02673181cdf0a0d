package audit

import (
	"bytes"
	"context"
	"fmt"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/store/record"
)

// Rows are what a store has, by the keys that its rows have in a data folder. They are for one goroutine.
type Rows interface {
	// Walk hands the rows from a key on, up to another one, to fn, which borrows them, and may read others. Those that begin with the same
	// number come in the order of their keys.
	Walk(ctx context.Context, from, to []byte, fn func(key, value []byte) error) error
	// Get reads rows by their keys; nil is one that is not there. Of an entry it may return the beginning alone. What it returns is the
	// caller's.
	Get(ctx context.Context, keys [][]byte) ([][]byte, error)
	// Next is the least number that a key of these tables begins with, at or above from; ok is false where there is none.
	Next(ctx context.Context, tables []byte, from uint64) (n uint64, ok bool, err error)
	// Rest is called between two things of which each is to be seen as of one moment: what is read next may be of a later one.
	Rest(ctx context.Context) error
}

// Kind says what a finding is about, and with it what is to be done.
type Kind uint8

// The kinds of findings.
const (
	// Lost: what stands nowhere else.
	Lost Kind = iota + 1
	// Derived: what other rows say as well.
	Derived
	// Crossing is Derived between rows that an engine may have in several databases, where one is behind of the other for a moment.
	Crossing
)

// Fix is the row that mends a finding.
type Fix struct {
	Key, Value []byte
	Drop       bool // the row is not to be there
}

// Finding is something that should not be.
type Finding struct {
	Text string
	Kind Kind
	// Fix is nil where nothing knows what it should be.
	Fix *Fix
	// At is what to look at again with [Checker.Again]: what shows it.
	At []byte
}

// Report is what a check saw.
type Report struct {
	Conversations, Entries, Members, Repeats, Pairs uint64
	Users, Devices, Rows, Events                    uint64
	// Damage is what was found and stands; Repaired what was found and mended.
	Damage, Repaired uint64
}

// Checker compares rows with rows. Its steps are called one after the other; each walks its tables once, in a small and constant
// amount of memory.
type Checker struct {
	// immutable after construction
	rows  Rows
	tell  func(Finding) error
	hooks Hooks

	// Report is what was seen so far. Damage and Repaired are the caller's to count.
	Report Report

	at         []byte // what is being looked at
	lookups    []lookup
	lastID     chat.ConversationID
	admins     uint64
	lastUser   chat.UserID
	lastDevice chat.DeviceID
}

// Hooks are where engines differ. Each may be nil.
type Hooks struct {
	// Member is asked about each member of a conversation whose row is as it should be.
	Member func(ctx context.Context, id chat.ConversationID, user chat.UserID) error
	// Roles says that the values of the index of owners and admins are their roles, a byte each. Elsewhere they are empty.
	Roles bool
	// Leaving reports that the account's names stay for a while although it is deleted.
	Leaving func(ctx context.Context, user chat.UserID) (bool, error)
}

// New returns a checker of rows that tells what it finds. An error of tell ends the step.
func New(rows Rows, tell func(Finding) error, hooks Hooks) *Checker {
	return &Checker{rows: rows, tell: tell, hooks: hooks}
}

// found tells a finding; with a fix it is of what is derived.
func (c *Checker) found(fix *Fix, format string, args ...any) error {
	kind := Lost
	if fix != nil {
		kind = Derived
	}
	return c.tell(Finding{Text: fmt.Sprintf(format, args...), Kind: kind, Fix: fix, At: c.at})
}

// crossing tells a finding between rows that may be in two databases.
func (c *Checker) crossing(fix *Fix, format string, args ...any) error {
	return c.tell(Finding{Text: fmt.Sprintf(format, args...), Kind: Crossing, Fix: fix, At: c.at})
}

// put is a fix that sets one row.
func put(key, value []byte) *Fix { return &Fix{Key: bytes.Clone(key), Value: value} }

// remove is a fix that drops one row.
func remove(key []byte) *Fix { return &Fix{Key: bytes.Clone(key), Drop: true} }

func (c *Checker) table(ctx context.Context, table byte, fn func(key, value []byte) error) error {
	return c.span(ctx, []byte{table}, []byte{table + 1}, fn)
}

// under are the rows of a table whose keys begin with a number.
func (c *Checker) under(ctx context.Context, table byte, n uint64, fn func(key, value []byte) error) error {
	return c.span(ctx, record.Key1(table, n), record.KeyAfter(table, n), fn)
}

// span walks, and then looks at what was put aside meanwhile.
func (c *Checker) span(ctx context.Context, from, to []byte, fn func(key, value []byte) error) error {
	if err := c.rows.Walk(ctx, from, to, fn); err != nil {
		return err //nolint:wrapcheck // the engine says what it was doing
	}
	return c.settle(ctx)
}

// lookup is a row that is wanted, and what is done with it.
type lookup struct {
	key, at []byte
	then    func(value []byte) error
}

// lookupsAtOnce is how many rows are read together.
const lookupsAtOnce = 256

// look reads a row, some time before the walk that it is called in has returned: many are read at once. Then gets nil where there is no row,
// and borrows the value.
func (c *Checker) look(ctx context.Context, key []byte, then func(value []byte) error) error {
	c.lookups = append(c.lookups, lookup{bytes.Clone(key), c.at, then})
	if len(c.lookups) < lookupsAtOnce {
		return nil
	}
	return c.settle(ctx)
}

// settle reads what was put aside, and what that leads to.
func (c *Checker) settle(ctx context.Context) error {
	was := c.at
	for len(c.lookups) > 0 {
		some := c.lookups
		c.lookups = nil
		keys := make([][]byte, len(some))
		for i, l := range some {
			keys[i] = l.key
		}
		values, err := c.rows.Get(ctx, keys)
		if err != nil {
			return err //nolint:wrapcheck // the engine says what it was doing
		}
		for i, l := range some {
			c.at = l.at
			if err := l.then(values[i]); err != nil {
				return err
			}
		}
	}
	c.at = was
	return nil
}

// decoded reads a value; false where it is not there or is damaged, which is for its own table to tell.
func decoded(value []byte, decode func(r *record.Reader)) bool {
	if value == nil {
		return false
	}
	r := record.NewReader(value)
	decode(&r)
	return r.Done()
}

// row reads one row at once.
func (c *Checker) row(ctx context.Context, key []byte, decode func(r *record.Reader)) (bool, error) {
	values, err := c.rows.Get(ctx, [][]byte{key})
	if err != nil {
		return false, err //nolint:wrapcheck // the engine says what it was doing
	}
	return decoded(values[0], decode), nil
}

// Again looks once more at what showed a finding. What it sees is counted in the report once more.
func (c *Checker) Again(ctx context.Context, at []byte) error {
	if len(at) == 0 {
		return nil
	}
	if at[0] == record.TableHead {
		return c.conversation(ctx, chat.ConversationID(record.First(at)))
	}
	for _, s := range c.steps() {
		if s.table == at[0] {
			return c.span(ctx, at, append(bytes.Clone(at), 0), s.row(ctx))
		}
	}
	return nil
}

// step is a table that is walked row by row.
type step struct {
	table byte
	each  func(ctx context.Context, key, value []byte) error
	c     *Checker
}

func (c *Checker) steps() []step {
	return []step{
		{record.TablePair, c.pair, c},
		{record.TableClaim, c.claim, c},
		{record.TableHandle, c.handle, c},
		{record.TableExternal, c.external, c},
		{record.TableUser, c.user, c},
		{record.TableDevice, c.device, c},
		{record.TableRelation, c.relation, c},
		{record.TableOwner, c.owner, c},
		{record.TableLink, c.link, c},
	}
}

// row hands rows to the step, and notes which one is looked at.
func (s step) row(ctx context.Context) func(key, value []byte) error {
	return func(key, value []byte) error {
		s.c.at = bytes.Clone(key)
		return s.each(ctx, key, value)
	}
}

// restEvery is after how many rows a walk over small things rests.
const restEvery = 1 << 12

// resting is row that rests now and then, when nothing is put aside.
func (s step) resting(ctx context.Context) func(key, value []byte) error {
	row, n := s.row(ctx), 0
	return func(key, value []byte) error {
		if n++; n%restEvery == 0 {
			if err := s.c.settle(ctx); err != nil {
				return err
			}
			if err := s.c.rows.Rest(ctx); err != nil {
				return err //nolint:wrapcheck // the engine says what it was doing
			}
		}
		return row(key, value)
	}
}

// People walks everything that is not of one conversation. What drops rows comes before what puts them: of two fixes of a row the later one
// stands.
func (c *Checker) People(ctx context.Context) error {
	for _, s := range c.steps() {
		if err := c.table(ctx, s.table, s.resting(ctx)); err != nil {
			return err
		}
	}
	c.at = nil
	return nil
}

// Tables are those that are keyed by conversation.
//
//nolint:gochecknoglobals // a list of constants
var Tables = []byte{record.TableEntry, record.TableHead, record.TableConversation, record.TableMember, record.TableLead, record.TableRepeat}

// Conversations walks all tables that are keyed by conversation, side by side, up to a conversation: where people go on, others are made faster
// perhaps than they are looked at.
func (c *Checker) Conversations(ctx context.Context, last chat.ConversationID) error {
	for from := uint64(0); ; from++ {
		next, ok, err := c.rows.Next(ctx, Tables, from)
		ok = ok && next <= uint64(last)
		if err == nil && ok {
			if err = c.conversation(ctx, chat.ConversationID(next)); err == nil {
				err = c.rows.Rest(ctx)
			}
		}
		if err != nil || !ok || next+1 == 0 {
			return err //nolint:wrapcheck // the engine says what it was doing
		}
		from = next
	}
}
