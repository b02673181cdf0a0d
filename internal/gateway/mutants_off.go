//go:build !mutant_overflow_dropped && !mutant_sign_out_ignored

package gateway

const mutant = mutantNone
