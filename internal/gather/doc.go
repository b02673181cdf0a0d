// Package gather has many callers share what is asked for them: in the life of a message it stands where sessions open and where many
// pull at the same time, in front of the databases.
//
//	Many      callers of one kind, each with a key of its own: the keys of those who wait make one question
//	Flights   callers with the same question: one of them asks
//
// # How old an answer may be
//
// A caller may have been told already what a read that is under way has not seen. [Many.Get] and [Flights.Fresh] give nobody an answer
// that was looked for before the call; [Flights.Join] gives one that is under way, and is for callers who see from the answer whether it
// is new enough.
//
// It imports chat.
package gather
