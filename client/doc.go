// Package client is the Go SDK of Throng.
//
// A Client is one device of one user. Connect keeps a live connection for as long as the Client is open: it
// authenticates, syncs, reconnects with full jitter and resumes. What happens is told as typed events, in order per
// conversation and each entry once, whatever the network repeats, reorders or loses:
//
//	idle → connecting → syncing → online
//	           ↑            ↓        ↓
//	           └──────── waiting ←───┘        closed (reason)
//
// Send puts a message into the outbox and returns a handle; the handle is done when the server has stored the message
// durably, or refused it for good. The outbox is in order per conversation and survives reconnects, with a store of its
// own also the process.
//
// # How order is kept
//
// The server numbers the entries of a conversation 1, 2, 3, … without a gap. A conversation's stream delivers entry s only
// after s−1. What arrives early is held for a short time, because it is mostly the answer to a send that overtook a
// delivery; then the missing range is pulled. Spans that the server names as withheld count as filled. A gap too large
// to pull becomes a Hole event. A delivery that nobody noticed missing is found by the digest of the heartbeat.
//
// # Large conversations
//
// A conversation has a tier by its number of members (docs/spec/sync.md, Tiers). Of small and medium ones everything comes by itself. Of
// a large one only that it went on, as Behind, until Focus says that the user has it open: then its newest page comes, a Hole
// stands for what lies before it, Range reads that when somebody scrolls, and what follows is told as it is written. Opening costs one
// request for the focus and one for the page, however many the members and the messages are. No member list is ever downloaded:
// ProfilesLearned brings the names of those who write.
//
//	          hint                    Focus                       message
//	told ─────────────→ Behind ──────────────→ Hole, newest page ─────────→ told
//
// Batching tells that a busy conversation's messages wait for each other, SendDelayed that a message of one's own waits for slow mode or
// a limit, and Degraded what the server leaves out while it has too much to do. None of that needs an answer.
//
// While the application takes no events, at most Options.MaxEvents wait for it, and what tells how something stands waits once.
//
// # Gateways
//
// The URL that the application gives is a door: before it connects, a Client asks there which gateways take sessions, tries them in that
// order, and the door itself at last (docs/spec/access.md). It asks again when it is sent elsewhere or loses its gateway. A single server
// names itself; one that knows no such call is used as it is. Options.Direct never asks.
//
// # Layers
//
// API holds the HTTP services, package link is one WebSocket connection without any logic, and Client is built from both.
//
// The package imports the generated schema and nothing of the server.
package client
