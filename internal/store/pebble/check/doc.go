// Package check holds a folder of the embedded engine against itself while no server runs on it: `throng check`.
//
// What every store has is compared by package audit, which sees the folder's rows (rows.go). Beside that there are events, and timelines with
// members (timeline.go). What is derived and wrong can be mended, row by row; timelines are rebuilt as a whole (rebuild.go), under a new
// generation. What is wrong with the entries themselves stays: nothing knows better.
//
// It reads a snapshot and writes beside it: a repair is seen by the next check, not by this one. It opens the database by
// [pebble.OpenDatabase] and knows rows by package record; nothing but the wiring and tests imports it.
package check
