package app

import (
	"context"
	"fmt"
	"time"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/config"
	"github.com/throng-im/throng/internal/store/mysql"
	"github.com/throng-im/throng/internal/store/mysql/slots"
)

// Slots are the parts of a cluster's conversations and users that move between its databases. It is for one goroutine.
type Slots struct {
	s *mysql.Store
}

// SlotsIn says how many slots a database has.
type SlotsIn struct {
	Database             int    // counted from 1, as configured
	Address              string // host:port/name
	Conversations, Users int    // slots of the two kinds
}

// SlotsMoving says how many slots are between two databases.
type SlotsMoving struct {
	From, To int    // counted from 1, as configured
	Stage    string // how far they are
	Count    int
}

// OpenSlots opens the databases of a cluster's configuration, while nodes run on them or not. The caller closes them.
func OpenSlots(ctx context.Context, c *config.Config) (*Slots, error) {
	s, err := databases(ctx, c, false)
	if err != nil {
		return nil, err
	}
	return &Slots{s}, nil
}

// Close closes the databases.
func (s *Slots) Close() error { return s.s.Close() }

// List says where the slots are.
func (s *Slots) List(ctx context.Context) ([]SlotsIn, []SlotsMoving, error) {
	moves, err := s.s.Moves(ctx)
	if err != nil {
		return nil, nil, err
	}
	all := s.s.Databases()
	in := make([]SlotsIn, len(all))
	place := make(map[*mysql.Database]int, len(all))
	for i, d := range all {
		in[i], place[d] = SlotsIn{Database: i + 1, Address: d.Address()}, i+1
		for _, slot := range slots.In(s.s, d, 0, chat.Slots-1) {
			if slot.Users {
				in[i].Users++
			} else {
				in[i].Conversations++
			}
		}
	}
	var moving []SlotsMoving
	at := map[SlotsMoving]int{}
	for _, v := range moves {
		m := SlotsMoving{From: place[v.Source], To: place[v.Target], Stage: v.Stage.String()}
		if at[m] == 0 {
			moving = append(moving, m)
			at[m] = len(moving)
		}
		moving[at[m]-1].Count++
	}
	return in, moving, nil
}

// Move moves the slots of a span, both ends included, that are in one database to another. Databases are counted from 1, as configured.
// It may be stopped and called again. Tell gets a sentence for each step, and at the end of each slot, which is then done.
func (s *Slots) Move(ctx context.Context, from, to int, first, last uint64, tell func(text string, done bool)) error {
	all := s.s.Databases()
	for _, n := range []int{from, to} {
		if n < 1 || n > len(all) {
			return fmt.Errorf("there is no database %d: the configuration has %d", n, len(all))
		}
	}
	if from == to {
		return fmt.Errorf("the slots are in database %d already: name another one", to)
	}
	if first > last || last >= chat.Slots {
		return fmt.Errorf("slots are 0 to %d, and a span is written as 0-63", chat.Slots-1)
	}
	list := slots.In(s.s, all[from-1], chat.Slot(first), chat.Slot(last))
	return s.move(ctx, list, all[to-1], tell)
}

// Spread moves as few slots as there have to be until all databases have the same number.
func (s *Slots) Spread(ctx context.Context, tell func(text string, done bool)) error {
	for _, p := range slots.Spread(s.s) {
		if err := s.move(ctx, p.Slots, p.To, tell); err != nil {
			return err
		}
	}
	return nil
}

// Tidy ends moves that were begun and given up, without moving anything else.
func (s *Slots) Tidy(ctx context.Context) error { return slots.New(s.s, nil).Tidy(ctx) }

func (s *Slots) move(ctx context.Context, list []slots.Slot, to *mysql.Database, tell func(text string, done bool)) error {
	if len(list) == 0 {
		return nil
	}
	n := 0
	return slots.New(s.s, func(p slots.Progress) {
		if p.Step == slots.Done {
			n++
			tell(fmt.Sprintf("%d of %d: %s is in %s: %d rows, closed for %s", n, len(list), p.Slot, to.Address(), p.Rows, p.Closed.Round(time.Millisecond)), true)
			return
		}
		tell(fmt.Sprintf("%s: %s, %d rows", p.Slot, p.Step, p.Rows), false)
	}).Move(ctx, list, to)
}
