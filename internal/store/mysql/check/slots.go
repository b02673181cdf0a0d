package check

import (
	"context"
	"fmt"
	"time"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/store/mysql"
)

// slotsTries is how often the slots are looked at before what is wrong with them counts: the map and what databases say change one after the
// other while a slot moves.
const slotsTries = 5

// slots: each lies in one database, the one that the map in the home database names, or is on its way.
func (c *checker) slots(ctx context.Context) error {
	var wrong []string
	for n := range slotsTries {
		var err error
		if wrong, err = c.slotsNow(ctx); err != nil {
			return err
		}
		if len(wrong) == 0 {
			return nil
		}
		if n == slotsTries-1 {
			break
		}
		timer := time.NewTimer(firstRest)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return context.Cause(ctx)
		}
	}
	for _, text := range wrong {
		c.damage(text, Slots)
	}
	return nil
}

// slotOf is a slot of one of the two kinds.
type slotOf struct {
	users bool
	slot  chat.Slot
}

func (s slotOf) String() string {
	if s.users {
		return fmt.Sprintf("slot %d of users", s.slot)
	}
	return fmt.Sprintf("slot %d of conversations", s.slot)
}

func (c *checker) slotsNow(ctx context.Context) (wrong []string, err error) {
	moves, err := c.s.Moves(ctx)
	if err != nil {
		return nil, err //nolint:wrapcheck // it says what it was doing
	}
	moving := map[slotOf]bool{}
	for _, m := range moves {
		moving[slotOf{m.Users, m.Slot}] = true
	}
	if err := c.s.Reload(ctx); err != nil {
		return nil, err //nolint:wrapcheck // as above
	}
	has := map[slotOf][]*mysql.Database{}
	for _, d := range c.s.Databases() {
		err := d.Read(ctx, "check holding", "SELECT kind, slot, state FROM holding", func(r *mysql.Rows) error {
			return r.Each(func(scan func(...any)) error {
				var s slotOf
				var state mysql.Holding
				scan(&s.users, &s.slot, &state)
				if state != mysql.HoldingArriving && state != mysql.HoldingLeft {
					has[s] = append(has[s], d)
				}
				return nil
			})
		})
		if err != nil {
			return nil, err //nolint:wrapcheck // as above
		}
	}
	for _, users := range []bool{false, true} {
		for slot := range chat.Slot(chat.Slots) {
			s := slotOf{users, slot}
			if moving[s] {
				continue
			}
			of := c.s.OfSlot(users, slot)
			switch in := has[s]; {
			case len(in) == 0:
				wrong = append(wrong, fmt.Sprintf("%s lies in database %s by the map, and no database says that it has it", s, of.Address()))
			case len(in) > 1:
				wrong = append(wrong, fmt.Sprintf("%s: both database %s and %s say that they have it", s, in[0].Address(), in[1].Address()))
			case in[0] != of:
				wrong = append(wrong, fmt.Sprintf("%s lies in database %s by the map, and database %s says that it has it", s, of.Address(), in[0].Address()))
			}
		}
	}
	return wrong, nil
}
