//go:build !mutant_redis_loss_unnoticed && !mutant_redis_cursor_unmarked && !mutant_redis_generation_bare && !mutant_redis_lease_forever

package redis

const mutant = mutantNone
