// Package chat holds the nouns of Throng: ids, entries, drafts, conversations, members and errors. Every other package
// speaks in these words; this one imports nothing of ours and has no behaviour beyond validation and arithmetic.
//
// In the life of a message it is the shape of the thing itself: a [Draft] is what a sender wants to be written, an
// [Entry] is what the log holds, a [Head] is where the log ends, an [Event] is what followers of the log receive.
package chat
