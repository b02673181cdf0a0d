//go:build !mutant_delivery_reordered && !mutant_fanout_unfiltered

package fanout

const mutant = mutantNone
