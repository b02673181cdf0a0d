//go:build !mutant_redis_loss_unnoticed && !mutant_redis_cursor_unmarked && !mutant_redis_generation_bare

package redis

const mutant = mutantNone
