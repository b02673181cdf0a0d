//go:build mutant_membership_not_rechecked

package gateway

const mutant = mutantNotRechecked
