//go:build mutant_redis_generation_bare

package redis

const mutant = mutantGenerationBare
