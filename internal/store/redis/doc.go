// Package redis holds the adapters on Redis of what the nodes of a deployment share and may lose. A [Client] is the way to one Redis or
// Redis Cluster; the adapters are made from it, and everything they write begins with its prefix.
//
//   - [Routes] are cluster.Routes, cluster.Registrar and cluster.Registry: who is where, and which nodes there are.
//   - [Devices] is cluster.Devices: which session of a device is the newest.
//   - [Bus] is cluster.Bus: deliveries to nodes.
//   - [Hot] is message.Hot: the newest entries of larger conversations.
//   - [Shares] is limit.Shares: the buckets of limits that nodes share.
//   - [Timelines] are timeline.Store, one view for each stream of events, on a [Shelf] that keeps what must not be lost.
//
// # What may happen to Redis
//
// It may forget everything at any moment (FLUSHALL, a restart without a file), a part (eviction), or the last moments (a replica that
// was behind is promoted); it may hang, or be gone. Nothing that anybody was promised stands here alone, so each adapter has to
// notice, and to make good:
//
//   - A node looks each [Config].Renew whether its lease is there and the replication id is the one it knows. If not, it writes
//     all its routes again and has devices look for what they missed.
//   - What is evicted piece by piece is written again by reports.
//   - A node whose subscription broke, or that had no room for a delivery, has devices look too.
//   - A timeline is one key, with its generation; one that is not there is made anew under another, for which no device has a cursor.
//   - What a server that is behind does not have of the shelf is mended by the next sync.
//   - Each call has a deadline, and a breaker stands in front of all of them: where Redis does not answer, callers are told so at once.
//
// The package imports chat, breaker, failpoint, the ports, and of its house store/record and store/local.
package redis
