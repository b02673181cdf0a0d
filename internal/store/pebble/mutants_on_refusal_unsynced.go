//go:build mutant_refusal_unsynced

package pebble

const mutant = mutantRefusalUnsynced
