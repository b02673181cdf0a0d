// Package audit holds what a store has against itself, whatever the engine: `throng check`.
//
// The entries of the log are the truth. Every conversation's are replayed, and its head, description, members, index of owners,
// repeat rows and pair are compared with what the entries come to (log.go, replay.go, member.go); pairs and claims with conversations, the
// counters of ids with the ids that are used (claim.go); accounts with their names and devices (account.go).
//
// An engine shows what it has as the rows of a data folder ([Rows], keys and values of package record), as of one moment or nearly so, and is
// told what was found ([Finding]) with the row that would mend it. What the engines have beside that, and whether anything is mended, is theirs:
// store/pebble/check and store/mysql/check, which import this package.
package audit
