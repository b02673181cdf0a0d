//go:build mutant_mysql_slot_unfenced

package mysql

const mutant = mutantSlotUnfenced
