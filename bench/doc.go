// Package bench puts a server under load and checks what it delivers: the engine behind throng bench.
//
// Send opens a session for every user that is to be online, sends through some of them, and looks at every delivery at
// every receiver. Each text names its sender, a counter per sender and conversation, when it was due, and a checksum; so
// a loss, a repetition, a wrong order and a damaged text are all seen, and the latencies are those of the receivers.
//
//	plan ─ who is in which conversation, who sends where          payload ─ what a text says
//	setup ─ users, tokens, conversations, through the API           track ─ what a receiver has got
//	peer ─ one session: sends, answers, deliveries                     run ─ the phases, and the report
//
// Closed loop: each sender sends its next message when the last is acknowledged. Open loop, where a rate is given: messages
// are due at fixed times, and a latency counts from then, so that a server that falls behind cannot hide it.
//
// The engine shares the machine with the server, so it is lean: it uses the SDK's Link and FrameScanner without the rest
// of the SDK. The package imports client and the schema.
package bench
