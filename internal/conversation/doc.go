// Package conversation makes conversations and changes who is in them. It checks what callers hand in and turns it into
// drafts of the log; whether the actor may do it is decided inside the append, where the membership is known for certain
// (the message package). What it reads comes through [Directory].
//
// In the life of a message it stands beside the way: it writes the entries that say who may send and who reads. Nothing
// here keeps state apart from a block of reserved ids, so any node may serve any conversation.
//
// # Direct conversations
//
// A direct conversation is found by a unique row (lower user, higher user). That row is the commit point: it is written
// first, and whoever finds it, be it the loser of a race or a caller after a crash, creates the conversation idempotently
// under the id that it names. A direct conversation with oneself is allowed; it has one member and holds notes that all of
// a user's devices see.
//
// # Groups
//
// A group is found by who made it under which client id, in the same way ([Directory] rule DIR-5).
//
// # Secrets
//
// Who is not a member gets conversation_not_found from every method, the same as for an id that was never given out.
package conversation
