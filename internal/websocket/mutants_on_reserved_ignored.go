//go:build mutant_reserved_ignored

package websocket

const mutant = mutantReservedIgnored
