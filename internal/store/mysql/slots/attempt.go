package slots

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/store/mysql"
)

const (
	// copyTerm is how long a mover may be silent before its move is taken back.
	copyTerm = 60 * time.Second
	// closeTerm is how long a slot may be closed.
	closeTerm = 5 * time.Second
	// fewChanges are so few that they are copied while the slot is closed.
	fewChanges = 200
	// changesAtOnce is how many changes are read at once.
	changesAtOnce = 2_000
	// catchUps is how often what was noted is copied before the slot is closed with whatever is left.
	catchUps = 200
	// fewEvents are so few that they are copied while the slot is closed.
	fewEvents = 1_000
	// eventsWait is how long a slot waits until its events were published.
	eventsWait = 30 * time.Second
)

// attempt is one attempt to move a slot.
type attempt struct {
	m    *Mover
	slot Slot
	move mysql.Move

	beaten time.Time // when the home database was told last that somebody is here
	closed time.Time // when the slot was closed
	shut   time.Duration
	copied uint64 // rows
}

func (a *attempt) tell(s Step) {
	a.m.tell(Progress{Slot: a.slot, Step: s, Rows: a.copied, Closed: a.shut})
}

func kindOf(s Slot) uint64 {
	if s.Users {
		return 1
	}
	return 0
}

// of names the slot's rows, whatever attempt they are of, as a condition.
func of(s Slot) string {
	var q mysql.Text
	return q.Add(" WHERE kind=").Number(kindOf(s)).Add(" AND slot=").Number(uint64(s.Number)).String()
}

// term is a moment that long from now, by the database's clock.
func term(d time.Duration) string { return fmt.Sprint(mysql.Clock, "+", d.Microseconds()) }

// take writes the row of a new attempt, in place of one that was taken back, and has source and target know of it.
func (m *Mover) take(ctx context.Context, slot Slot, to *mysql.Database) (*attempt, error) {
	a := &attempt{m: m, slot: slot, move: mysql.Move{Users: slot.Users, Slot: slot.Number, Target: to, Stage: mysql.StageCopying}}
	there := false
	err := m.s.Home().Transact(ctx, "move", func(t *mysql.Tx) error {
		var source uint64
		stage := mysql.Stage(0)
		query := "INSERT INTO meta (name, number) VALUES ('mover', 1) ON DUPLICATE KEY UPDATE number=number+1;" + // a later attempt has a higher one
			"SELECT number FROM meta WHERE name='mover';SELECT shard FROM slot_map" + of(slot) + " FOR UPDATE;SELECT stage FROM slot_move" + of(slot) + " FOR UPDATE"
		err := t.Query(ctx, query, func(r *mysql.Rows) error {
			for _, to := range []any{&a.move.Mover, &source, &stage} {
				if err := r.Each(func(scan func(...any)) error { scan(to); return nil }); err != nil {
					return err
				}
				r.More()
			}
			return nil
		})
		if err != nil {
			return err
		}
		if stage != 0 && stage != mysql.StageGivenUp {
			return taken()
		}
		a.move.Source = nil
		for _, d := range m.s.Databases() {
			if d.Number() == source {
				a.move.Source = d
			}
		}
		if a.move.Source == nil {
			return chat.Errorf(chat.CodeFailedPrecondition, chat.ReasonStorageUnavailable, "database number %d is not in the configuration", source)
		}
		if there = a.move.Source == to; there {
			return nil
		}
		var q mysql.Text
		q.Add("REPLACE INTO slot_move (kind, slot, source, target, stage, mover, until_us) VALUES (").Number(kindOf(slot)).Add(",")
		q.Number(uint64(slot.Number)).Add(",").Number(source).Add(",").Number(to.Number()).Add(",").Number(uint64(mysql.StageCopying)).Add(",")
		q.Number(a.move.Mover).Add(",", term(copyTerm), ")")
		return t.Commit(ctx, q.String())
	})
	if err != nil || there {
		return nil, err
	}
	a.beaten = time.Now()
	if err := errors.Join(a.arrive(ctx), a.watch(ctx)); err != nil {
		return nil, errors.Join(err, a.giveUp(ctx))
	}
	return a, nil
}

// arrive has the target know that the slot is on its way there.
func (a *attempt) arrive(ctx context.Context) error {
	return a.move.Target.Transact(ctx, "move", func(t *mysql.Tx) error {
		state, mover := mysql.Holding(0), uint64(0)
		err := t.Query(ctx, "SELECT state, mover FROM holding"+of(a.slot)+" FOR UPDATE", func(r *mysql.Rows) error {
			return r.Each(func(scan func(...any)) error { scan(&state, &mover); return nil })
		})
		if err != nil {
			return err
		}
		if mover > a.move.Mover {
			return taken()
		}
		if state != 0 && state != mysql.HoldingArriving {
			return chat.Errorf(chat.CodeFailedPrecondition, chat.ReasonStorageUnavailable, "the target says already that it has, or had, the slot (state %d)", state)
		}
		var q mysql.Text
		q.Add("REPLACE INTO holding (kind, slot, state, mover) VALUES (").Number(kindOf(a.slot)).Add(",").Number(uint64(a.slot.Number)).Add(",")
		q.Number(uint64(mysql.HoldingArriving)).Add(",").Number(a.move.Mover).Add(")")
		return t.Commit(ctx, q.String())
	})
}

// watch has the nodes note from now on what they write of the slot in the source.
func (a *attempt) watch(ctx context.Context) error {
	return a.move.Source.Transact(ctx, "move", func(t *mysql.Tx) error {
		var q mysql.Text
		q.Add("UPDATE holding SET state=").Number(uint64(mysql.HoldingCopied)).Add(", mover=").Number(a.move.Mover)
		q.Add(of(a.slot)).Add(" AND state IN (").Number(uint64(mysql.HoldingOpen)).Add(",").Number(uint64(mysql.HoldingCopied))
		q.Add(") AND mover<=").Number(a.move.Mover)
		n, err := t.Count(ctx, q.String())
		if err != nil {
			return err
		}
		if n != 1 {
			return taken()
		}
		return t.Commit(ctx, "DELETE FROM slot_change"+of(a.slot))
	})
}

// step changes the attempt's row in the home database, while it is at a stage and a condition holds, and what else changes with it.
func (a *attempt) step(ctx context.Context, at mysql.Stage, set, condition, more string) error {
	return a.m.s.Home().Transact(ctx, "move", func(t *mysql.Tx) error {
		var q mysql.Text
		q.Add("UPDATE slot_move SET ", set, a.move.Where(), " AND stage=").Number(uint64(at)).Add(condition)
		n, err := t.Count(ctx, q.String())
		if err != nil {
			return err
		}
		if n != 1 {
			return taken()
		}
		return t.Commit(ctx, more)
	})
}

// beat says that somebody is here.
func (a *attempt) beat(ctx context.Context) error {
	if time.Since(a.beaten) < copyTerm/6 {
		return nil
	}
	begun := time.Now()
	err := a.step(ctx, a.move.Stage, "until_us="+term(copyTerm), "", "")
	if err == nil {
		a.beaten = begun
	}
	return err
}

// giveUp takes the move back, where the map was not changed.
func (a *attempt) giveUp(ctx context.Context) error {
	var q mysql.Text
	q.Add("UPDATE slot_move SET until_us=0", a.move.Where(), " AND stage<").Number(uint64(mysql.StageMoved))
	err := a.m.s.Home().Transact(ctx, "move", func(t *mysql.Tx) error { return t.Commit(ctx, q.String()) })
	if err != nil {
		return err
	}
	return a.m.s.TakeBack(ctx, a.move)
}

// run brings the slot to where the target has it.
func (a *attempt) run(ctx context.Context) error {
	a.tell(Copy)
	for _, t := range a.slot.tables() {
		if err := a.all(ctx, t, nil); err != nil {
			return err
		}
	}
	if _, err := a.changes(ctx, nil); err != nil {
		return err
	}
	a.tell(Verify)
	differing := make(map[change]*table)
	for _, t := range a.slot.tables() {
		if err := a.all(ctx, t, func(r row) { differing[t.change(r)] = t }); err != nil {
			return err
		}
	}
	a.tell(CatchUp)
	noted := make(map[change]bool)
	for n := 0; n < catchUps; n++ {
		count, err := a.changes(ctx, noted)
		if err != nil {
			return err
		}
		if count < fewChanges {
			break
		}
	}
	if err := a.events(ctx); err != nil {
		return err
	}
	a.tell(Close)
	if err := a.close(ctx); err != nil {
		return err
	}
	a.tell(Finish)
	if err := a.finish(ctx, differing, noted); err != nil {
		return err
	}
	a.tell(Switch)
	return a.change(ctx)
}

// events waits until few events of the slot wait to be published.
func (a *attempt) events(ctx context.Context) error {
	if a.slot.Users {
		return nil
	}
	for begun := time.Now(); ; {
		n := 0
		var q mysql.Text
		q.Add("SELECT COUNT(*) FROM (SELECT 1 FROM outbox WHERE slot=").Number(uint64(a.slot.Number)).Add(" LIMIT ").Number(fewEvents).Add(") AS few")
		err := a.move.Source.Read(ctx, "move outbox", q.String(), func(r *mysql.Rows) error {
			return r.Each(func(scan func(...any)) error { scan(&n); return nil })
		})
		switch {
		case err != nil:
			return err
		case n < fewEvents:
			return nil
		case time.Since(begun) > eventsWait:
			return errors.New("too many of its events wait to be published; is Kafka there? try again when they are fewer")
		}
		if err := errors.Join(a.beat(ctx), wait(ctx, 100*time.Millisecond)); err != nil {
			return err
		}
	}
}

// close has nobody write the slot from now on. Transactions that are under way are waited for.
func (a *attempt) close(ctx context.Context) error {
	a.closed = time.Now()
	var q mysql.Text
	q.Add("stage=").Number(uint64(mysql.StageClosed)).Add(", until_us=", term(closeTerm))
	if err := a.step(ctx, mysql.StageCopying, q.String(), "", ""); err != nil {
		return err
	}
	a.move.Stage = mysql.StageClosed
	return a.move.Source.Transact(ctx, "move", func(t *mysql.Tx) error {
		var q mysql.Text
		q.Add("UPDATE holding SET state=").Number(uint64(mysql.HoldingClosed)).Add(a.move.Where()).Add(" AND state=").Number(uint64(mysql.HoldingCopied))
		n, err := t.Count(ctx, q.String())
		if err == nil && n != 1 {
			err = taken()
		}
		return err
	})
}

// finish copies what is left, and compares it. What differed when everything was compared must have been noted.
func (a *attempt) finish(ctx context.Context, differing map[change]*table, noted map[change]bool) error {
	// A node that was upgraded meanwhile has changed the tables before it wrote anything: what it wrote is not missed.
	if err := current(ctx, a.move.Source, a.move.Target); err != nil {
		return err
	}
	last := make(map[change]bool)
	for {
		n, err := a.changes(ctx, last)
		if err != nil {
			return err
		}
		if n < changesAtOnce {
			break
		}
	}
	for c, t := range differing {
		if !noted[c] && !last[c] {
			return &DifferentError{Slot: a.slot, Table: t.name}
		}
		last[c] = true
	}
	if err := a.changed(ctx, last, true); err != nil {
		return err
	}
	if a.slot.Users {
		return nil
	}
	var q mysql.Text
	condition := q.Add("slot=").Number(uint64(a.slot.Number)).String()
	if err := a.where(ctx, outbox, condition, false); err != nil {
		return err
	}
	return a.where(ctx, outbox, condition, true)
}

// change changes the map: the target has the slot then. Whoever has closed a slot for too long may have lost it.
func (a *attempt) change(ctx context.Context) error {
	var set, m mysql.Text
	set.Add("stage=").Number(uint64(mysql.StageMoved)).Add(", until_us=", term(closeTerm))
	m.Add("UPDATE slot_map SET shard=").Number(a.move.Target.Number()).Add(of(a.slot))
	return a.step(ctx, mysql.StageClosed, set.String(), " AND until_us>"+mysql.Clock, m.String())
}

// moved reports whether the map was changed: an answer may have been lost.
func (a *attempt) moved(ctx context.Context) bool {
	moves, err := a.m.s.Moves(ctx)
	if err != nil {
		return false
	}
	for _, v := range moves {
		if v.Mover == a.move.Mover && slotOf(v) == a.slot {
			return v.Stage == mysql.StageMoved
		}
	}
	return false
}

// withdraw removes what was copied of a move that was taken back.
func (a *attempt) withdraw(ctx context.Context) error {
	a.move.Stage = mysql.StageGivenUp
	return a.clear(ctx, a.move.Target, mysql.HoldingArriving)
}

// end completes a move that has changed the map.
func (a *attempt) end(ctx context.Context) error {
	a.move.Stage, a.beaten = mysql.StageMoved, time.Time{}
	a.tell(Open)
	if err := a.m.s.Complete(ctx, a.move); err != nil {
		return err
	}
	if !a.closed.IsZero() {
		a.shut = time.Since(a.closed)
	}
	a.tell(Clear)
	if err := a.clear(ctx, a.move.Source, mysql.HoldingLeft); err != nil {
		return err
	}
	a.tell(Done)
	return nil
}
