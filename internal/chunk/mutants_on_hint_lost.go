//go:build mutant_hint_lost

package chunk

const mutant = mutantHintLost
