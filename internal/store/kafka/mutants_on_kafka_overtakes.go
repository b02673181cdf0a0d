//go:build mutant_kafka_overtakes

package kafka

const mutant = mutantOvertakes
