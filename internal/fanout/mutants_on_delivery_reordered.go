//go:build mutant_delivery_reordered

package fanout

const mutant = mutantReordered
