// Package near holds what a node of a cluster knows of the log by itself, so that those who pull do not ask the engines that all nodes
// share for what has just passed through here:
//
//	own appends, deliveries of other nodes ──→ Ring: newest entries of groups, by seq
//	a pull: head ──→ Log, which reads those of all who ask together
//	        entries ──→ Ring ──hole──→ cache of all nodes ──hole──→ Log, once for all who ask for the same
//
// # Why that is safe
//
// Heads and memberships are never kept here: a pull begins with a read of the head that began after the pull did. An entry changes
// once it is committed only where a later entry amends it, which the head tells, and where its content is removed; what of it somebody may
// see is decided by the head and the membership. So there are two things to get right, which are [Ring]'s.
//
// The package imports chat, gather, message and Prometheus.
package near
