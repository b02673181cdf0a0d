// Package check holds a folder of the embedded engine against itself while no server runs on it: `throng check`.
//
// The entries of the log are the truth. Every conversation's are replayed, and its head, description, members, index of owners,
// repeat rows and pair are compared with what the entries come to (log.go, replay.go, member.go); accounts with their indexes and
// devices (account.go); timelines with members (timeline.go). What is derived and wrong can be mended, row by row; timelines are
// rebuilt as a whole, under a new generation. What is wrong with the entries themselves stays: nothing knows better.
//
// It reads a snapshot and writes beside it: a repair is seen by the next check, not by this one. It opens the database by
// [pebble.OpenDatabase] and knows rows by package record; nothing but the wiring and tests imports it.
package check
