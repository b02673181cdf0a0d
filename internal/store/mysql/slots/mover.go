package slots

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/store/mysql"
)

// Slot names a slot of one of the two kinds.
type Slot struct {
	Users  bool // of users, not of conversations
	Number chat.Slot
}

// String names the slot for people.
func (s Slot) String() string {
	if s.Users {
		return fmt.Sprintf("slot %d of users", s.Number)
	}
	return fmt.Sprintf("slot %d of conversations", s.Number)
}

func (s Slot) has(id uint64) bool { return chat.UserID(id).Slot() == s.Number }

func (s Slot) tables() []*table {
	if s.Users {
		return ofUsers
	}
	return ofConversations
}

func slotOf(v mysql.Move) Slot { return Slot{v.Users, v.Slot} }

// Step is what a mover is about to do.
type Step uint8

// The steps of a move.
const (
	Copy Step = iota + 1
	Verify
	CatchUp
	Close
	Finish // what was noted last is copied, while the slot is closed
	Switch
	Open
	Clear
	Done
)

// String is a word for people.
func (s Step) String() string {
	return [...]string{"", "copying", "comparing", "catching up", "closing", "finishing", "switching", "opening", "clearing", "done"}[s]
}

// Progress says what a mover is about to do.
type Progress struct {
	Slot Slot
	Step Step
	// Rows were copied of this slot so far.
	Rows uint64
	// Closed is how long nobody could write the slot; it is set when that is over.
	Closed time.Duration
}

// DifferentError says that a row of the target is not what it is in the source, though nobody noted that it was written: the slot stays
// where it is.
type DifferentError struct {
	Slot  Slot
	Table string
}

// Error implements error.
func (e *DifferentError) Error() string {
	return fmt.Sprintf("%s: the copy of the table %s is not the same, and nobody wrote it meanwhile; the slot stays where it is", e.Slot, e.Table)
}

// Mover moves slots. It is for one goroutine; of several movers one moves a slot.
type Mover struct {
	// immutable after construction
	s    *mysql.Store
	tell func(Progress)
}

// New returns a mover. Tell is told of each step before it is done; nil is nobody.
func New(s *mysql.Store, tell func(Progress)) *Mover {
	if tell == nil {
		tell = func(Progress) {}
	}
	return &Mover{s, tell}
}

// attempts are how often a slot is tried whose move was taken back.
const attempts = 3

// strangersWait is how long nodes are waited for that do not know the target. What a node that has ended said of itself runs out by then.
const strangersWait = 20 * time.Second

// Move moves slots to a database, one after the other. It may be stopped at any time, and called again: slots that are there are passed
// over, and one that was on its way goes on.
func (m *Mover) Move(ctx context.Context, all []Slot, to *mysql.Database) error {
	if err := m.known(ctx, to); err != nil {
		return err
	}
	for _, slot := range all {
		if err := ctx.Err(); err != nil {
			return err
		}
		err := m.one(ctx, slot, to)
		for n := 1; n < attempts && errors.Is(err, errTaken) && ctx.Err() == nil; n++ { // it took too long, for once
			err = m.one(ctx, slot, to)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", slot, err)
		}
	}
	return m.s.Reload(ctx)
}

// known waits until every running node knows a database.
func (m *Mover) known(ctx context.Context, to *mysql.Database) error {
	for begun := time.Now(); ; {
		n, err := m.s.Strangers(ctx, to)
		switch {
		case err != nil:
			return err
		case n == 0:
			return nil
		case time.Since(begun) > strangersWait:
			return fmt.Errorf("%d running nodes do not know database number %d; add it to mysql.databases of every node and restart them, one by one",
				n, to.Number())
		}
		if err := wait(ctx, 250*time.Millisecond); err != nil {
			return err
		}
	}
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// Tidy ends moves that others have begun and given up: a slot whose target has it already is cleared from its source, what was copied of
// others is removed from their targets.
func (m *Mover) Tidy(ctx context.Context) error {
	moves, err := m.s.Moves(ctx)
	if err != nil {
		return err
	}
	for _, v := range moves {
		if v.Late || v.Stage == mysql.StageGivenUp {
			if err := m.tidy(ctx, v); err != nil {
				return fmt.Errorf("%s: %w", slotOf(v), err)
			}
		}
	}
	return m.s.Reload(ctx)
}

func (m *Mover) tidy(ctx context.Context, v mysql.Move) error {
	a := &attempt{m: m, slot: slotOf(v), move: v}
	if v.Stage == mysql.StageMoved {
		return a.end(ctx)
	}
	if err := m.s.TakeBack(ctx, v); err != nil {
		return err
	}
	return a.withdraw(ctx)
}

// current refuses databases with tables of a newer version: rows would come without what that one has added to them.
func current(ctx context.Context, databases ...*mysql.Database) error {
	for _, d := range databases {
		if err := d.Known(ctx); err != nil {
			return fmt.Errorf("database number %d (slots are moved by the newest version that nodes have run): %w", d.Number(), err)
		}
	}
	return nil
}

// patience is how long a mover that was stopped goes on taking its move back.
const patience = 10 * time.Second

// one moves a slot.
func (m *Mover) one(ctx context.Context, slot Slot, to *mysql.Database) error {
	if err := current(ctx, m.s.Databases()...); err != nil {
		return err
	}
	a, err := m.begin(ctx, slot, to)
	if err != nil || a == nil {
		return err
	}
	if err := a.run(ctx); err != nil {
		// What can be taken back is: people write again. Where this does not come to its end nodes do it.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
		defer cancel()
		_ = a.giveUp(ctx)
		if !a.moved(ctx) {
			return err
		}
	}
	return a.end(ctx)
}

// begin takes a slot on; nil where it is in the target.
func (m *Mover) begin(ctx context.Context, slot Slot, to *mysql.Database) (*attempt, error) {
	moves, err := m.s.Moves(ctx)
	if err != nil {
		return nil, err
	}
	for _, v := range moves {
		if slotOf(v) != slot {
			continue
		}
		if !v.Late && v.Stage != mysql.StageGivenUp {
			return nil, fmt.Errorf("it is on its way from database number %d to %d; where nobody moves it, try again in a minute", v.Source.Number(), v.Target.Number())
		}
		if v.Stage == mysql.StageMoved || v.Target != to {
			if err := m.tidy(ctx, v); err != nil {
				return nil, err
			}
			continue
		}
		if err := m.s.TakeBack(ctx, v); err != nil {
			return nil, err
		}
	}
	return m.take(ctx, slot, to)
}
