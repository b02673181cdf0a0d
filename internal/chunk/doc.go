// Package chunk is how the content of large conversations is gathered for those who have them open, and how hints are spread over
// those who have not. It has no I/O, no clock and no goroutine; the gateway is its shell.
//
//	entries ──Add──► Collector ──Take──► Round ──► each loop, each receiver      Done ──► Collector
//	                 per conversation:              one frame, encoded once
//	                 open chunk, closed chunks
//	heads ─────────► Sweep ──► how many of a loop's other sessions get a hint now
//
// # When entries wait
//
// A round is what goes to all receivers of a conversation at one time: one or more chunks in one WebSocket message. The cost of a round is
// the write to each receiver, whatever its size, so what comes while a round is under way is gathered for the next one, which begins
// when the last one is over, and began as long ago as the conversation is held to ([Pace]): so that entries share writes before the loops have
// nothing else to do. Rounds of quiet conversations, and of those with few receivers, are over before the next entry comes, and
// nothing waits. Nothing waits for longer than a second: a round goes out then, even behind one that is under way.
//
// A chunk ends at a change of members: who came later is given whole chunks only, and who leaves gets none that goes on.
//
// # What is lost
//
// Deliveries, where more waits than the bound: a round then begins behind a gap, or is a bare hint, and devices pull. Never the
// knowledge that the conversation went on.
//
// The package imports chat, websocket and wire.
package chunk
