//go:build mutant_ack_before_sync

package pebble

const mutant = mutantAckBeforeSync
