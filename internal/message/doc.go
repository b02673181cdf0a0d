// Package message owns the log: what may be appended, how sends become appends, and how ranges are read.
//
// In the life of a message it is the middle. A draft comes from a session or from HTTP into [Service.Submit], waits in the
// queue of its shard, and is appended together with everything else that waits there:
//
//	Submit → queue → appender ──Log.Append──→ completer ──Applied.Wait──→ done(result)
//	                 decides on what            answers when it
//	                 is applied                 is durable
//
// The decision itself is [Rules.Decide], a pure function of a draft and the state before it, which every adapter of [Log]
// calls inside its append: so that there is one place that says who may write what, and two engines cannot differ in it.
//
// Pages are read with [Service.Range]. Those of conversations above the small tier come from a ring that follows the log, so that
// many who pull one page cost a handful of reads; recent.go says what makes that right.
//
// It may import chat, failpoint and gather, and content: what bodies may be.
package message
