package mysql

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/throng-im/throng/internal/chat"
)

// place is where a conversation or a user is: the database that has the slot. Its calls go there, and follow the slot where it moves.
type place struct {
	s    *Store
	kind slotKind
	slot chat.Slot
	user chat.UserID // whose place it is; 0 for a conversation
}

func (p place) of(m *slotMap) *shard { return m.of[p.kind][p.slot] }

// read is a [shard.read] of one statement.
func (p place) read(ctx context.Context, what, query string, fn func(r *rows) error) error {
	return p.s.routed(ctx, func(m *slotMap) error { return m.read(ctx, p.of(m), what, query, fn) })
}

// transact is a [shard.transact] in which the database has the slot. What is written of a user is noted; who writes of a conversation
// notes it.
func (p place) transact(ctx context.Context, what string, fn func(t *tx) error) error {
	return p.s.routed(ctx, func(m *slotMap) error {
		return p.of(m).transact(ctx, what, func(t *tx) error {
			t.guard = &guard{kind: p.kind, slots: []chat.Slot{p.slot}}
			if p.user != 0 {
				t.guard.users = []chat.UserID{p.user}
			}
			return fn(t)
		})
	})
}

// movedError says that a slot is not where the map has it, or is not to be written there now.
type movedError struct{}

func (*movedError) Error() string { return "what was asked for has moved to another database" }

func isMoved(err error) bool {
	var moved *movedError
	return errors.As(err, &moved)
}

const (
	// moveWait is how long a call waits for a slot that is closed while it moves.
	moveWait = 3 * time.Second
	// appendWait is the same for an append, which others wait for that want another slot.
	appendWait = 200 * time.Millisecond
	// moveRetry is how long senders are asked to wait then.
	moveRetry = 500 * time.Millisecond
)

func errMoving() *chat.Error {
	e := chat.Errorf(chat.CodeUnavailable, chat.ReasonStorageUnavailable, "this is being moved to another database; try again in a moment")
	e.RetryAfter = moveRetry
	return e
}

// routed calls fn with where the slots are, and again where one of those that it wants has moved.
func (s *Store) routed(ctx context.Context, fn func(m *slotMap) error) error {
	for begun, n := time.Now(), 1; ; n++ {
		if s.closed.Load() {
			return errClosed()
		}
		m := s.slots.Load()
		err := fn(m)
		if !isMoved(err) {
			return err
		}
		if time.Since(begun) > moveWait {
			return errMoving()
		}
		if err := s.follow(ctx, m, n); err != nil {
			return err
		}
	}
}

// follow finds out where the slots are after m was wrong for the n-th time. A slot that is closed is waited for a little, or opened, where
// whoever closed it is gone.
func (s *Store) follow(ctx context.Context, m *slotMap, n int) error {
	if n > 1 {
		if err := pause(ctx, min(n, 5)); err != nil {
			return s.translate(err, "finding a slot")
		}
	}
	if n > 2 {
		if err := s.mend(ctx); err != nil {
			return err
		}
	}
	return s.reload(ctx, m)
}

// reload reads where the slots are, where nobody has done it since m was read.
func (s *Store) reload(ctx context.Context, m *slotMap) error {
	s.reloading.Lock()
	defer s.reloading.Unlock()
	if s.slots.Load() != m {
		return nil
	}
	return s.readSlots(ctx)
}

const holdingsQuery = "SELECT number FROM meta WHERE name='" + metaHoldings + "'"

// read runs one statement in a database, outside of a transaction. When it has its answer it asks whether a slot has left since the map was
// made: what was read is true then, as of a moment of this call.
func (m *slotMap) read(ctx context.Context, d *shard, what, query string, fn func(r *rows) error) error {
	return d.read(ctx, what, query+";"+holdingsQuery, func(r *rows) error {
		failed := fn(r)
		if !m.holds(d, r) {
			return &movedError{} // which is why it failed, where it did
		}
		return failed
	})
}

// holds reads the answer to holdingsQuery, the next one; true where the connection does not give one, which is an error of its own.
func (m *slotMap) holds(d *shard, r *rows) bool {
	if !r.NextResultSet() {
		return true
	}
	if !r.Next() {
		return r.Err() != nil
	}
	n := uint64(0)
	return r.Scan(&n) != nil || n == m.holdings[d]
}

// guard is what a transaction holds on to: slots that its database has until it ends, by locks on their rows that whoever closes a slot
// waits for.
type guard struct {
	kind  slotKind
	slots []chat.Slot   // in order
	users []chat.UserID // whose rows are written
	some  bool          // goes on where only some are there

	open   map[chat.Slot]bool
	copied map[chat.Slot]bool // those of which writes are noted
}

// query locks the rows. They are locked in their order, by their key, as heads are.
func (g *guard) query() string {
	var q text
	q.add("SELECT slot, state FROM holding FORCE INDEX (PRIMARY) WHERE kind=").number(uint64(g.kind)).add(" AND slot IN (")
	for i, slot := range g.slots {
		if i > 0 {
			q.add(",")
		}
		q.number(uint64(slot))
	}
	return q.add(") ORDER BY slot LOCK IN SHARE MODE").String()
}

func (g *guard) read(r *rows) error {
	g.open, g.copied = make(map[chat.Slot]bool, len(g.slots)), nil
	for r.next() {
		var slot chat.Slot
		var state Holding
		r.scan(&slot, &state)
		g.open[slot] = state == HoldingOpen || state == HoldingCopied
		if state == HoldingCopied {
			if g.copied == nil {
				g.copied = map[chat.Slot]bool{}
			}
			g.copied[slot] = true
		}
	}
	if r.err != nil {
		return r.err
	}
	for _, slot := range g.slots {
		if mutant == mutantSlotUnfenced {
			g.open[slot] = true
		}
		if !g.open[slot] && !g.some {
			return &movedError{}
		}
	}
	return nil
}

// slotsOf are the slots of conversations or users, in order.
func slotsOf[T interface{ Slot() chat.Slot }](ids []T) []chat.Slot {
	out := make([]chat.Slot, len(ids))
	for i, id := range ids {
		out[i] = id.Slot()
	}
	slices.Sort(out)
	return slices.Compact(out)
}
