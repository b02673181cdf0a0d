// Package transfer carries installs out of the databases of store/mysql and into them: what an export reads ([Picture], which is an
// archive.Source) and what an import notes ([Imports], the part of an archive.Target that the engine keeps).
//
// It imports archive, account, chat, store/record, store/mysql and its package people.
package transfer
