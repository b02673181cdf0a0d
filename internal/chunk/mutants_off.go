//go:build !mutant_chunk_uncut && !mutant_hint_lost

package chunk

const mutant = mutantNone
