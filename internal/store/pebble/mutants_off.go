//go:build !mutant_no_fsync && !mutant_ack_before_sync && !mutant_seq_from_durable && !mutant_refusal_unsynced

package pebble

const mutant = mutantNone
