//go:build !mutant_reserved_ignored && !mutant_unmasked_accepted && !mutant_utf8_unchecked

package websocket

const mutant = mutantNone
