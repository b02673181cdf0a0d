//go:build mutant_utf8_unchecked

package websocket

const mutant = mutantUTF8Unchecked
