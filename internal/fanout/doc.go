// Package fanout takes committed entries to those who are to get them, now, on live connections. It follows the events of the
// log from their end, knows who is a member as of each entry, and puts one delivery per node on the bus.
//
//	events (in order per conversation, at least once)
//	   │  skip what was delivered already (seq), adjust members by member entries, in order
//	   ├─ small tier       deliver to the members, by user route
//	   └─ medium and large  deliver to the subscribers, by group route; member entries adjust the subscriptions
//
// Events come in batches. The conversations of a batch are dealt with side by side, the events of each in order: first all deliveries are
// planned, then the routes of all are looked up together, then all are posted together. A conversation whose members have to be read first,
// or whose deliveries fail, holds back itself and the position of the stream, and no other.
//
// # Who gets an entry
//
// Deliveries filter by who was a member at the entry's own seq, not by who is one now. [Fanout] keeps the members of small
// conversations in a bounded cache, as of the last entry it delivered. An entry that follows on that one needs no read: if
// it changes members, the change itself says how. Else (a conversation seen for the first time, or forgotten) the
// members are read from the directory, which may be ahead of the stream, and filtered by their spans to those who see the
// entry's seq. What the directory has ahead is made good by the stream itself: who came later is added again, which
// changes nothing; who has gone since is not in the list and misses a few entries that came before the removal, learns
// of it by the removal's own entry, and pulls. So a list errs towards too few, never towards too many.
//
// An entry that removes somebody is delivered to them too, and is the last one. Devices of users who enter or leave are told
// to sync.
//
// # Group routes
//
// Above the small tier no member list is kept: sessions are subscribed on the gateways, when they open (see package gateway)
// and by member entries here, in order with the deliveries: enter, then deliver; deliver, then leave. When a conversation
// grows beyond the small tier its members' sessions are subscribed before the entry that crosses is delivered, and when it
// shrinks the subscriptions are dropped before the first delivery by user route.
//
// How a gateway hands on what comes by group route is its own affair: content of large conversations in chunks to those who have
// them open, hints to the others. A send into a large conversation also moves the read position on the sender's other devices,
// as reading does: a hint would leave the sender's own message unread there.
//
// # What is lost
//
// Nothing that the log does not have. Events come again after an error, and seqs that were delivered are passed over; a
// process starts at the end of the events, when there are no sessions yet. Where routes or bus do not answer, deliveries
// are let go of, so that those that follow do not wait: devices find by digests what they were not told.
//
// Several nodes share the streams of events out ([queue.Streams]). Whoever gets a stream goes on where the one before had committed,
// so that entries may come again to sessions, which know their seqs.
//
// The package imports chat, cluster and queue. Each stream has a goroutine that owns what is known of its conversations.
package fanout
