//go:build mutant_redis_lease_forever

package redis

const mutant = mutantLeaseForever
