//go:build mutant_relay_done_first

package queue

const mutant = mutantDoneFirst
