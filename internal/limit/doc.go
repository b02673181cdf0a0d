// Package limit slows down who asks too often: token buckets keyed by user, address, handle or conversation, bounded in
// number.
//
// In the life of a message it stands before everything that costs: sign-in before the password hash, a send before the
// queue of its shard. Nodes that limit together lease shares of buckets through a [Sharing], on the port [Shares]; a take never waits for
// that. The package imports only chat; who uses it declares the two methods that it needs.
package limit
