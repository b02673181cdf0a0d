//go:build mutant_redis_loss_unnoticed

package redis

const mutant = mutantLossUnnoticed
