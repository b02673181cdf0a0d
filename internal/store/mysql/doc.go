// Package mysql keeps the truth of a cluster in MySQL 8 or MariaDB 10.6 and later: the log, the directory, what timelines read of
// them, and the outbox. Rows hold the records of store/record beside the few columns that queries need.
//
// There is one database or several. Conversations and users are divided into [chat.Slots] slots each, and a table in the home
// database, which is the first one, says which database a slot lies in; what is unique over all stands in the home database too.
// Every database has the same tables. A statement never needs two databases. Slots move between databases while nodes run (the package
// slots): every transaction makes sure that its database still has the slot, and every read that it had it until then.
//
// Where things are:
//
//	config.go     settings              settings.go  what the server must be set to
//	store.go      Open, Close           migrate.go   the schema, in migrations/
//	connect.go    sessions              slots.go     which database has what
//	place.go      calls follow slots    moving.go    slots on their way
//	transact.go   transactions          text.go      statements
//	errors.go     what errors mean      metrics.go
//
// Everything speaks the text protocol and sends several statements at a time: what costs is the round trip and the sync, not the
// statement. Transactions are READ COMMITTED: a statement sees what was committed when it began, and nothing locks gaps.
package mysql
