//go:build !mutant_relay_done_first && !mutant_relay_skips_refused

package queue

const mutant = mutantNone
