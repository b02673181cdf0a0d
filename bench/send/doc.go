// Package send loads a server with messages in many conversations and looks at every delivery at every receiver: the scenario
// throng bench send.
//
// It opens a session for every user that is to be online and sends through some of them. Each text names its sender, a counter
// per sender and conversation, when it was due, and a checksum; so a loss, a repetition, a wrong order and a damaged text are all
// seen, and the latencies are those of the receivers.
//
//	plan ─ who is in which conversation, who sends where             setup ─ users, tokens, conversations, through the API
//	peer ─ one session: sends, answers, deliveries                   track ─ what a receiver has got
//	run  ─ the phases                                                report ─ what came of it
//
// Closed loop: each sender sends its next message when the last is acknowledged. Open loop, where a rate is given: messages
// are due at fixed times, and a latency counts from then, so that a server that falls behind cannot hide it.
//
// The engine shares the machine with the server, so it is lean: it uses the SDK's Link and FrameScanner without the rest
// of the SDK.
package send
