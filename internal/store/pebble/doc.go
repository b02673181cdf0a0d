// Package pebble is the embedded engine: the log, the directory, timelines, accounts and the events queue on one Pebble
// database.
package pebble
