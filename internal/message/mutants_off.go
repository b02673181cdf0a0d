//go:build !mutant_no_repeat_check && !mutant_membership_unchecked && !mutant_read_past_removal && !mutant_send_reads_nothing

package message

const mutant = mutantNone
