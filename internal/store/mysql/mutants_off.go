//go:build !mutant_mysql_membership_before_lock && !mutant_mysql_outbox_outside && !mutant_mysql_dedup_per_node && !mutant_mysql_lease_forever

package mysql

const mutant = mutantNone
