//go:build !mutant_mysql_membership_before_lock && !mutant_mysql_outbox_outside

package mysql

const mutant = mutantNone
