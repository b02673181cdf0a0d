//go:build mutant_read_past_removal

package message

const mutant = mutantReadPastRemoval
