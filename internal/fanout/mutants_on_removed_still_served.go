//go:build mutant_removed_still_served

package fanout

const mutant = mutantRemovedServed
