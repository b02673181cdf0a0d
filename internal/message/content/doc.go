// Package content says what the bodies of drafts may be, whatever the state of the conversation: [Check], the first step of every decision, which
// callers use earlier too; what an edit may make of a message ([Replaced]); and by which [Fingerprint] a repeat of a body is known.
//
// It may import chat only.
package content
