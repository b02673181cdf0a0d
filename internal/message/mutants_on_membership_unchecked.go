//go:build mutant_membership_unchecked

package message

const mutant = mutantMembershipUnchecked
