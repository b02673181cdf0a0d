//go:build mutant_overflow_dropped

package gateway

const mutant = mutantOverflowDropped
