//go:build !mutant_sign_out_ignored

package gateway

const mutant = mutantNone
