//go:build mutant_no_fsync

package pebble

const mutant = mutantNoFsync
