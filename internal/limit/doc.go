// Package limit slows down who asks too often: token buckets keyed by user, address, handle or conversation, bounded in
// number.
//
// In the life of a message it stands before everything that costs: sign-in before the password hash, a send before the
// queue of its shard. It imports only chat; who uses it declares the two methods that it needs.
package limit
