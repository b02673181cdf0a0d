package mysql

import (
	"time"

	"github.com/throng-im/throng/internal/message"
)

// A mutant is a build with one guarantee taken out, made to prove that a test notices. The build tag mutant_<name> chooses
// one; all of it folds away in ordinary builds.
const (
	mutantNone                 = ""
	mutantMembershipBeforeLock = "mysql_membership_before_lock"
	mutantOutboxOutside        = "mysql_outbox_outside"
	mutantDedupPerNode         = "mysql_dedup_per_node" // a node knows the repeats only of what it stored itself
	mutantLeaseForever         = "mysql_lease_forever"  // the lanes of a node that is gone stay its own
	mutantSlotUnfenced         = "mysql_slot_unfenced"  // transactions do not look whether the database has the slot
)

// forever is longer than any test.
const forever = 1_000 * time.Hour

// recall looks for repeats in the node's memory.
func (s *Store) recall(c *decision) {
	for k, row := range c.repeats {
		if known, ok := s.repeats.Load(k); ok {
			row.value, row.found = known.(message.Repeat)
		}
	}
}

// remember keeps in the node's memory what was committed.
func (s *Store) remember(c *decision) {
	for k, row := range c.repeats {
		if row.changed {
			s.repeats.Store(k, row.value)
		}
	}
}
