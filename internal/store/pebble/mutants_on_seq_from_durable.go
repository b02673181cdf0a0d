//go:build mutant_seq_from_durable

package pebble

const mutant = mutantSeqFromDurable
