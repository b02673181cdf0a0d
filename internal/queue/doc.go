// Package queue declares how followers get the events of the log. In the life of a message it is what comes after the
// acknowledgement: timelines, fan-out and everything else that is derived from the log follows it, each with a position of its
// own, and can be rebuilt.
//
//	append ─commit─→ [Outbox] ─[Relay], one per lane─→ [Publisher] ─→ [Streams] ─one [Stream] each─→ followers
//
// That is a cluster, where events leave the log's engine after the commit. In one process the store hands its followers the
// events itself: a single stream, no outbox.
//
// It imports chat only.
package queue
