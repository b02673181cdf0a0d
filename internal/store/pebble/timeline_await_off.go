//go:build !mutant_cursor_before_durable

package pebble

// awaitRows is false in a build that must fail its tests: it gives out a pts whose row may be lost.
const awaitRows = true
