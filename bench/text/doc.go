// Package text makes the texts that the load sends and reads them at the receivers. A text says who sent it, as which of its
// messages, and when it was due, and holds a checksum; the rest is made-up prose. So every receiver can tell a loss, a
// repetition, a wrong order and a damaged text, and its own latency, from the text alone.
//
// It imports nothing of ours.
package text
