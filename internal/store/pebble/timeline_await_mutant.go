//go:build mutant_cursor_before_durable

package pebble

const awaitRows = false
