//go:build !mutant_overflow_dropped

package session

const mutant = mutantNone
