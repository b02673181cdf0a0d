package mysql

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/store/record"
)

// How a slot moves (the package slots does it; this is what nodes have to know of it):
//
//	            home: slot_move, slot_map     source: holding    target: holding
//	copying     stage 1                       copied             arriving           rows are copied, and writes noted
//	closed      stage 2, for a few seconds    closed             arriving           nobody writes; what was noted is copied
//	moved       stage 3, the map is changed   closed             arriving           ← from here on the target has it
//	            stage 3                       left, and counted  arriving           who still reads the source notices
//	            stage 3                       left               open               writes go on
//	            -                             -                  open               the source's rows are gone
//
// Each attempt has a number (mover) that stands in all three. Who meets one that was given up takes it back, before the map is changed,
// or completes it: the row in the home database says which of the two, and nobody closes a slot again under the same number.

// Holding is what a database says of a slot. Its numbers are stored.
type Holding uint8

// What a database says. Of a slot that is somewhere else it says nothing.
const (
	HoldingOpen     Holding = iota + 1 // it is here
	HoldingCopied                      // it is here, and what is written is noted
	HoldingClosed                      // it is read here, and written nowhere
	HoldingArriving                    // it is going to be here
	HoldingLeft                        // it was here, and what it left is being removed
)

// Stage is how far the move of a slot is.
type Stage uint8

// The stages of a move.
const (
	StageCopying Stage = iota + 1
	StageClosed
	StageMoved
	StageGivenUp // taken back: the source has the slot, and the target has rows that it has no use for
)

// String is a word for people and metrics.
func (s Stage) String() string {
	return [...]string{"none", "copying", "closed", "moved", "given_up"}[min(s, StageGivenUp)]
}

// Move is a slot on its way from one database to another.
type Move struct {
	Users          bool // a slot of users
	Slot           chat.Slot
	Source, Target *Database
	Stage          Stage
	Mover          uint64 // number of the attempt
	Late           bool   // whoever does it has not said a word for too long
}

// Clock is this moment by a database's clock, in microseconds, as an expression.
const Clock = clock

func (v Move) kind() slotKind {
	if v.Users {
		return slotUser
	}
	return slotConversation
}

// Where names the rows of the attempt, in holding and slot_move, as the condition of a statement.
func (v Move) Where() string {
	var q text
	return q.add(" WHERE kind=").number(uint64(v.kind())).add(" AND slot=").number(uint64(v.Slot)).add(" AND mover=").number(v.Mover).String()
}

// Moves returns the moves that are not over.
func (s *Store) Moves(ctx context.Context) ([]Move, error) {
	var out []Move
	query := "SELECT kind, slot, source, target, stage, mover, until_us<=" + clock + " FROM slot_move ORDER BY kind, slot"
	err := s.home().read(ctx, "moves", query, func(r *rows) error {
		out = out[:0]
		for r.next() {
			var v Move
			var source, target uint64
			r.scan(&v.Users, &v.Slot, &source, &target, &v.Stage, &v.Mover, &v.Late)
			v.Source, v.Target = s.byID[source], s.byID[target]
			if r.err == nil && (v.Source == nil || v.Target == nil) {
				return chat.Errorf(chat.CodeFailedPrecondition, chat.ReasonStorageUnavailable,
					"a slot is on its way from database number %d to %d, and the configuration does not have both; add what is missing on every node", source, target)
			}
			out = append(out, v)
		}
		return nil
	})
	return out, err
}

// mend ends the moves that somebody has given up: those that have not changed the map are taken back, others are completed.
func (s *Store) mend(ctx context.Context) error {
	moves, err := s.Moves(ctx)
	if err != nil {
		return err
	}
	var counts [StageGivenUp + 1]int
	for _, v := range moves {
		counts[v.Stage]++
		switch {
		case v.Stage == StageMoved && v.Late:
			err = s.Complete(ctx, v)
		case v.Stage == StageGivenUp || v.Late:
			err = s.TakeBack(ctx, v)
		}
		if err != nil {
			return err
		}
	}
	for stage := StageCopying; stage <= StageGivenUp; stage++ {
		s.metrics.moves.WithLabelValues(stage.String()).Set(float64(counts[stage]))
	}
	return nil
}

// TakeBack opens the slot of a move again in the database that it was to leave, where whoever moves it is late. It may be called again.
func (s *Store) TakeBack(ctx context.Context, v Move) error {
	given := int64(0)
	err := s.home().transact(ctx, "take back", func(t *tx) (err error) {
		var q text
		q.add("UPDATE slot_move SET stage=").number(uint64(StageGivenUp)).add(v.Where()).add(" AND (stage=").number(uint64(StageGivenUp)).
			add(" OR stage IN (").number(uint64(StageCopying)).add(",").number(uint64(StageClosed)).add(") AND until_us<=" + clock + ")")
		given, err = t.exec(ctx, q.String())
		return err
	})
	if err != nil || given == 0 {
		return err
	}
	return v.Source.transact(ctx, "take back", func(t *tx) error {
		var q text
		q.add("UPDATE holding SET state=").number(uint64(HoldingOpen)).add(", mover=0").add(v.Where()).
			add(" AND state IN (").number(uint64(HoldingCopied)).add(",").number(uint64(HoldingClosed)).add(")")
		return t.execCommit(ctx, q.String())
	})
}

// Complete has the source of a move that has changed the map give the slot up, and then opens it in the target. It may be called again.
func (s *Store) Complete(ctx context.Context, v Move) error {
	err := v.Source.transact(ctx, "give up", func(t *tx) error {
		var q text
		q.add("UPDATE holding SET state=").number(uint64(HoldingLeft)).add(v.Where()).add(" AND state=").number(uint64(HoldingClosed))
		n, err := t.exec(ctx, q.String())
		if err != nil || n == 0 {
			return err
		}
		_, err = t.exec(ctx, "UPDATE meta SET number=number+1 WHERE name='"+metaHoldings+"'")
		return err
	})
	if err != nil {
		return err
	}
	return v.Target.transact(ctx, "take over", func(t *tx) error {
		var q text
		q.add("UPDATE holding SET state=").number(uint64(HoldingOpen)).add(", mover=0").add(v.Where()).add(" AND state=").number(uint64(HoldingArriving))
		return t.execCommit(ctx, q.String())
	})
}

// announce tells which databases this node knows, and looks how many nodes there are. No slot moves to one that a node does not know.
func (s *Store) announce(ctx context.Context) error {
	if s.node == 0 {
		n, err := record.Draw()
		if err != nil {
			return err
		}
		s.node = n
	}
	var ids []string
	for _, d := range s.shards {
		ids = append(ids, fmt.Sprint(d.id))
	}
	err := s.home().transact(ctx, "announce", func(t *tx) error {
		var q text
		q.add("REPLACE INTO node (node, shards, until_us) VALUES (").number(s.node).add(",").blob([]byte("," + strings.Join(ids, ",") + ",")).
			add("," + clock + "+").number(uint64((3*s.cfg.SlotInterval + time.Second).Microseconds())).add(");DELETE FROM node WHERE until_us<=" + clock)
		return t.execCommit(ctx, q.String())
	})
	if err != nil {
		return err
	}
	return s.home().read(ctx, "nodes", "SELECT COUNT(*) FROM node WHERE until_us>"+clock, func(r *rows) error {
		n := int64(0)
		for r.next() {
			r.scan(&n)
		}
		s.nodes.Store(n)
		return nil
	})
}

// farewellFor is how long a store that closes tries to say so.
const farewellFor = 500 * time.Millisecond

// farewell says that this node is gone. Where nobody hears it, what it announced runs out.
func (s *Store) farewell() {
	if s.node == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), farewellFor)
	defer cancel()
	if _, err := s.home().db.ExecContext(ctx, "DELETE FROM node WHERE node = ?", s.node); err != nil {
		s.log.Debug("other nodes were not told that this one is gone", "error", err)
	}
}

// Nodes is how many nodes there were when this one looked last, itself among them: [Config.SlotInterval] ago at most, while the home database
// answers. Commands that have the databases open count too, and so does for three times as long what was killed.
func (s *Store) Nodes() int { return int(s.nodes.Load()) }

// Strangers returns how many running nodes do not know a database.
func (s *Store) Strangers(ctx context.Context, d *Database) (n int, err error) {
	var q text
	q.add("SELECT COUNT(*) FROM node WHERE until_us>" + clock + " AND shards NOT LIKE '%,").number(d.id).add(",%'")
	err = s.home().read(ctx, "nodes", q.String(), func(r *rows) error {
		for r.next() {
			r.scan(&n)
		}
		return nil
	})
	return n, err
}
