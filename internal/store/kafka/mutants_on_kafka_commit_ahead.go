//go:build mutant_kafka_commit_ahead

package kafka

const mutant = mutantCommitAhead
