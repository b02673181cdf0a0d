//go:build !mutant_kafka_overtakes && !mutant_kafka_commit_ahead

package kafka

const mutant = mutantNone
