// Package pebble is the embedded engine: the log, the directory, the events queue, timelines and accounts on one Pebble
// database. [Open] gives a [Store], which implements the ports of the log itself; the other adapters are views of it.
//
// In the life of a message it is the append and what makes it durable:
//
//	Append ─decide→ batch ─Commit(NoSync)→ applied ─────────────→ Wait returns, events are published
//	        one at a time, under engine.mu            │ one syncer: an empty synced record makes
//	        (writer, message.Rules)                   └ everything applied before it durable
//
// What is applied can be seen at once by Pebble's readers, before it is durable. A reader must not be told of it: after a
// power cut the same seq would be given to another message. So every read ends with settle, which waits for the sync that
// covers the conversations that were read, and followers get events only after the sync.
//
// Keys and records are those of package record; package check holds a folder against its entries. It may import packages of levels
// 0 and 1.
package pebble
