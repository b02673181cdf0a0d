//go:build mutant_unmasked_accepted

package websocket

const mutant = mutantUnmaskedAccepted
