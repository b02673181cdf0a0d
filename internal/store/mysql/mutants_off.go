//go:build !mutant_mysql_membership_before_lock && !mutant_mysql_outbox_outside && !mutant_mysql_dedup_per_node && !mutant_mysql_lease_forever && !mutant_mysql_slot_unfenced

package mysql

const mutant = mutantNone
