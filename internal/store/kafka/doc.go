// Package kafka puts the events of the log on Apache Kafka: [Queue] is the publisher that the relay feeds, and the streams that nodes
// share. In the life of a message it stands between the outbox and the followers of all nodes.
//
//	lane ──batch──→ partition of the topic ──one reader a group──→ stream ──→ follower
//	                                       ←─commit, a few a second──
//
// A stream is a partition, its positions are offsets: a position names the next record to read. The 64 lanes of the outbox are
// spread over the partitions in runs, so each conversation is in one partition for good; the number of partitions never changes.
//
// # Publishing
//
// A batch of events becomes one record batch of Kafka's, which is stored as a whole or not at all, and the next one of its lane is
// sent when this one was acknowledged by all replicas in sync. So nothing overtakes what was not stored (PUB-2), whatever is lost
// between: there is no second request that could be stored without the first. The client's own producer is not used for this. It
// keeps several batches of a partition in flight and numbers them, so that the broker refuses a gap; but a record that is handed to it
// just after an earlier one of the same call has failed goes out under a new number, and is stored before the repeat of that one.
// Nor is its idempotence missed: relays repeat events anyhow, and followers know a repeat when they see it.
//
// # Sharing
//
// A group has two clients on a node. One is the member of the consumer group and reads nothing: it is given partitions, commits
// offsets, and lets go of a partition once its follower has returned. The other one reads, each partition from wherever its follower
// wants to begin, all in one fetch per broker; a partition whose follower is slow is paused.
//
//	reader's loop ──records──→ [reading], one per partition ──batches──→ Stream.Follow ──→ handle
//	      ↑ pause, resume ────────────┘
//
// It imports the nouns, the ports of queue and the records.
package kafka
