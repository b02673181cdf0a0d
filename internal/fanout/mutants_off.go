//go:build !mutant_delivery_reordered && !mutant_fanout_unfiltered && !mutant_removed_still_served

package fanout

const mutant = mutantNone
