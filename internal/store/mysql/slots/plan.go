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

// Spread plans what goes where so that all databases have the same number of slots of each kind, with as few moves as there can be.
func Spread(s *mysql.Store) []Plan {
	all := s.Databases()
	plans := make([]Plan, len(all))
	var kinds [2][][]Slot
	for i, d := range all {
		plans[i].To = d
		for _, slot := range In(s, d, 0, chat.Slots-1) {
			kind := kindOf(slot)
			if kinds[kind] == nil {
				kinds[kind] = make([][]Slot, len(all))
			}
			kinds[kind][i] = append(kinds[kind][i], slot)
		}
	}
	for _, has := range kinds {
		for i, gets := range spread(has) {
			plans[i].Slots = append(plans[i].Slots, gets...)
		}
	}
	return plans
}

// spread says what each gets of what others have too much of. Where it cannot be the same for all, those keep one more who have more.
func spread(has [][]Slot) (gets [][]Slot) {
	total := 0
	for _, slots := range has {
		total += len(slots)
	}
	share, more := total/len(has), total%len(has)
	keep := make([]int, len(has))
	var spare []Slot
	for i, slots := range has {
		keep[i] = share
		if more > 0 && len(slots) > share {
			keep[i]++
			more--
		}
		if len(slots) > keep[i] {
			spare = append(spare, slots[keep[i]:]...)
		}
	}
	gets = make([][]Slot, len(has))
	for i, slots := range has {
		if more > 0 && keep[i] == share {
			keep[i]++
			more--
		}
		if need := keep[i] - len(slots); need > 0 {
			gets[i], spare = spare[:need:need], spare[need:]
		}
	}
	return gets
}
