//go:build mutant_fanout_unfiltered

package fanout

const mutant = mutantUnfiltered
