//go:build !mutant_sign_out_ignored && !mutant_membership_not_rechecked

package gateway

const mutant = mutantNone
