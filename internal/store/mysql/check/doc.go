// Package check holds the databases of a cluster against themselves while nodes run: `throng check --config`.
//
//	slots.go   what the home database says of each slot, and what the databases say
//	rows.go    the databases as rows of a folder, for package audit: entries with everything that follows from them, accounts with their names
//	outbox.go  what waits to be published has its entry
//	shelf.go   each user's list of conversations, which a follower writes, with the members
//	mend.go    the same, put right
//
// Each database is read as it was at one moment, a later one every few minutes, between two conversations. A conversation is in one database, and
// is seen as it was: what is wrong with it is wrong. Databases have no moment in common, and lists follow the log: what crosses them is
// in doubt, and looked at again for some seconds, until it is right or counts as damage.
//
// It imports store/audit, store/mysql and its package people, and store/record.
package check
