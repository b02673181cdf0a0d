package slots

import (
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/store/mysql"
)

// Plan is what goes to a database.
type Plan struct {
	To    *mysql.Database
	Slots []Slot
}

// In returns the slots of a database among those of a span, both ends included, those of conversations first.
func In(s *mysql.Store, d *mysql.Database, first, last chat.Slot) []Slot {
	var out []Slot
	for _, users := range []bool{false, true} {
		for n := first; n <= last && n < chat.Slots; n++ {
			if s.OfSlot(users, n) == d {
				out = append(out, Slot{users, n})
			}
		}
	}
	return out
}

// Spread plans what goes where so that every database has the same number of slots of each kind, with as few moves as there can be.
func Spread(s *mysql.Store) []Plan {
	all := s.Databases()
	plans := make([]Plan, len(all))
	for _, users := range []bool{false, true} {
		has := make([][]Slot, len(all))
		for i, d := range all {
			plans[i].To = d
			for n := range chat.Slot(chat.Slots) {
				if s.OfSlot(users, n) == d {
					has[i] = append(has[i], Slot{users, n})
				}
			}
		}
		share := chat.Slots / len(all)
		var spare []Slot
		extra := chat.Slots % len(all) // databases that keep one more
		for i := range has {
			keep := share
			if extra > 0 && len(has[i]) > share {
				keep++
				extra--
			}
			if len(has[i]) > keep {
				spare = append(spare, has[i][keep:]...)
				has[i] = has[i][:keep]
			}
		}
		for i := range has {
			need := share - len(has[i])
			if need < 0 {
				continue
			}
			if extra > 0 && len(spare) > need {
				need++
				extra--
			}
			need = min(need, len(spare))
			plans[i].Slots = append(plans[i].Slots, spare[:need]...)
			spare = spare[need:]
		}
	}
	return plans
}
