//go:build mutant_chunk_uncut

package chunk

const mutant = mutantUncut
