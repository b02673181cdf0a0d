// Package gateway holds the live connections of a node. It answers WebSocket handshakes, speaks the session protocol
// (docs/spec/session.md) and puts deliveries on the connections of those who are to get them.
//
// # Who owns what
//
//	callers ──► loop (one per core; owns conns, sessions, routes, timers) ◄── Receive (fan-out, one Parcel per message)
//	              │  ▲ inbox: small typed operations      │ carrier.write: one frame per connection and pass
//	net/http ◄────┘  ├── workers: answers of calls        ▼
//	 strangers       ├── message service: results of sends
//	                 └── goroutines of streams           sockets, streams, memory
//
// [session.Session] is a state machine without I/O: requests, answers, deliveries and ticks go in, envelopes, calls and in the end a
// close code come out. The loop is its shell. A connection is given to a loop when it opens and stays there; only its loop
// touches it. Nothing on a loop blocks. An idle connection is a record in its loop's slab: no goroutine, no buffer, no
// timer object.
//
// # Carriers
//
// What moves a connection's bytes is its carrier; the loop, the session and the framing are the same for all:
//
//   - polled: the loop accepts callers on its own listener, reads and writes their sockets itself and waits for them with epoll
//     (Linux, [Door]). A caller's request is parsed where it was read. A good handshake for a session makes a connection of it;
//     everything else, a bad handshake too, goes to net/http with its descriptor ([Server.Strangers]).
//
//   - stream: a goroutine reads, and one writes while the peer is slow. For TLS, for connections that net/http upgraded
//     ([Server.ServeHTTP]), for pipes, and for systems without epoll.
//
//   - memory: no socket at all ([Server.OpenMemory]), for as many connections as a process can hold.
//
// # The life of a session
//
//	new ──authenticate──► authenticating ──token good, routes registered──► subscribing ──subscriptions known──► open ──► ended
//
// # Merging
//
// A loop handles all that waits in its inbox, then writes each dirty connection once: what came together leaves together.
// A loop whose last flush had several writes lets the next frames wait until 2 ms after that one; a quiet loop writes at
// once. An entry is encoded at most once per subprotocol (with and without the client id); a delivery copies bytes.
//
// # Joining the stream
//
// A session must get every entry of its user's conversations that is committed after it has synced, and none that its user
// may not see. By user route the argument is short: the user is in the online table and in the loop's own table before the
// answer to authenticate goes out, and the device syncs after that answer; what the fan-out delivers later finds the
// session, what it delivered before is in the log that the sync reads.
//
// By group route (above the small tier) a session needs subscriptions, which change while they are read:
//
//  1. The loop registers the user's routes. From now on member changes of the user reach the session; while it has no
//     subscriptions yet, they are kept in order. What stands in the loop's inbox by then was posted before: a change of the user
//     in it came along with others' and the next, which takes it back, may have passed the loop by. It is passed over.
//  2. A worker reads the user's conversations and, for each, the membership from the log's own truth. Whatever the fan-out
//     handled before step 1 was durable before, so this read sees it.
//  3. The loop takes the result, applies the changes that were kept on top, and answers authenticate: at once where the routes of the
//     session's groups are visible to every node, else once a worker has flushed them. What came before that the device syncs.
//
// A change is thus either in what step 2 read, or kept, or both; being applied twice changes nothing. The read may be ahead of
// the stream: a membership that the fan-out has not reached yet carries its first seq, below which nothing is delivered; a
// removal that it has not reached yet makes the session miss entries before the removal, which the device pulls. So as
// with the fan-out's lists, a session may get too little, which sync and gaps heal, and never too much. A delivery that follows
// on an enter finds its loop although the loop has not handled the enter yet: [Server.Receive] notes what it expects, and
// routes to all loops until they have caught up.
//
// # What a node has missed
//
// In a cluster the bus may lose a delivery, repeat it, or bring it late. Each entry says with which seq members changed before it. A
// group knows the last change that its loop has seen (group.seen) and what holds of all its members: they are members as of that
// change, or of a later one. Nothing by group route passes a loop whose group has not seen all that came before it:
//
//   - An entry, or its head, that follows on a change which the group has not seen raises the alarm. All its members on the loop leave
//     it ([loop.recheck]), and a group without members takes its place, which keeps track of what passes from then on.
//   - A change counts as seen when its entry has passed, and when those who went with it have been told, or are not here. Those who came
//     with it and were not told are subscribed by the entry.
//   - What is older than what the group has seen is told by its seq: an entry is passed over, a leave from before the present
//     subscription too, and who is to enter by an old change is looked up instead.
//
// A connection in doubt is in no group. It is looked up as one that opens is (steps 2 and 3), at a rate and by half of the workers at
// most, and told by one sync hint that it may have missed something. A lookup is taken by a group that saw all changes since that lookup
// began, or since one that it knew; else it is made again. [Server.Resync] has everybody looked up so; groups from before are in doubt
// at once. While anybody is looked up, groups without members stay and begin with changes that pass, so that whoever joins misses none.
//
// Who enters a conversation that nobody on the node was subscribed to may miss what is delivered before other nodes see its route. As
// when a session opens, a worker flushes the routes, and a sync hint follows.
//
// Rounds need no number of their own: their heads come first, and a loop shows nobody a round whose head it was not told of.
//
// # Large conversations
//
//	Receive ──entry──► crowd (chunk.Collector) ──Round, encoded once──► each loop's group: walk over those who have it open
//	       └───head──► each loop's group: sweep of hints over the others
//
// What a session has open is in force before its heads are read, so nothing lies between them: an entry is either behind the focus and
// delivered, or was durable before and is in the head. A group holds two dense lists, of its members and of those who have it open. A
// round is walked a slice at a time, in turn with the inbox, and downward: who leaves is replaced by the last, which was visited
// already and says so by the number it carries. What came while a round was under way goes to each connection in one write. Where nothing
// waits for a connection that is the one shared frame; where its transport is busy a reference waits, bounded, and then a hint.
//
// What is delivered otherwise does not overtake: before a member leaves, before a conversation becomes medium or small, all that the
// collector holds goes into the inboxes, and an entry for all members waits behind the walk. A group that is disbanded meanwhile, or
// that is large, is out of the loop's table at once, and its members leave it in slices; who is about to get something of the
// conversation before its turn is given what it has not had, and leaves first. Names of those who wrote are looked up on the way,
// for 50 ms at most, and nothing of another conversation waits for them.
//
// # Receivers that are slow or silent
//
// What waits for a receiver is bounded at 512 KiB; beyond it deliveries collapse to one hint per conversation, beyond 256
// conversations to one sync hint. Answers wait with the request: no call that may answer much is begun, and no further frame
// is read, while more than that waits. Who takes nothing for 30 s is closed with 4000. A device that acknowledges deliveries
// ([throngv1.ReceivedRequest]) is held to it: what it leaves unacknowledged for 30 s is told once more, as a hint; 30 s later the
// connection counts as dead (4001). A device that never acknowledges is judged by its heartbeats alone.
//
// # Locks
//
// Loops own their state without locks. Inboxes, the admission, the online table and the crowd have a mutex each, held for a few lines.
// Order: online shard → the registrar's own locks; [Server] mu → inbox; crowd → online shard, inbox.
//
// The package imports account and timeline (their values only), chat, chunk, cluster, eventloop, proxyproto, session, websocket and wire.
package gateway
