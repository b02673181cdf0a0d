package limit

import (
	"context"
	"time"
)

// Shares keeps buckets that several nodes take from: they lease tokens of them in bulk and ahead of need. It counts time by a clock of
// its own, the same for all nodes, and may forget everything at any moment. All methods may be called from any goroutine.
//
//   - SHR-1 A bucket that nobody has claimed from is full, and so is one that was left alone for as long as it takes to fill.
//   - SHR-2 A claim is granted at most what it wants, and at most its part of what is there, rounded up: nothing where nothing is there.
//     However many nodes claim, together they are granted the burst, and then the rate.
//   - SHR-3 What a claim says was spent is taken whether it is there or not: a bucket owes up to its burst, and grants nothing until
//     that has come in. What is below 0 is given back; a bucket is never more than full.
//   - SHR-4 Left is what is there after the claim. Where that is nothing, Wait is how long until there is a token; else it is 0.
//   - SHR-5 Buckets of other limits, and other keys of one, know nothing of each other.
//   - SHR-6 An error says that nothing is granted, and that what was spent may have been taken or not.
type Shares interface {
	// Lease settles claims and grants them, each by itself, and fills in what it answers to them.
	Lease(ctx context.Context, claims []Claim) error
}

// Claim is what one node says and wants of one bucket, and what it is answered.
type Claim struct {
	Limit string        // as settings call it
	Key   string        // who is limited
	Every time.Duration // from one token to the next, above 0
	Burst int           // that the bucket holds
	Spent int           // tokens taken without a lease; below 0 they are given back
	Want  int           // tokens to lease; 0 is none
	Parts int           // into how many parts what is there is divided; one of them may be leased. At least 1

	Granted int           // tokens leased
	Left    int           // tokens that are there for others
	Wait    time.Duration // until there is one
}
