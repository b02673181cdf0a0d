//go:build mutant_mysql_membership_before_lock

package mysql

const mutant = mutantMembershipBeforeLock
