//go:build !mutant_overflow_dropped && !mutant_focus_ignored

package session

const mutant = mutantNone
