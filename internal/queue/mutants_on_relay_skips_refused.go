//go:build mutant_relay_skips_refused

package queue

const mutant = mutantSkipsRefused
