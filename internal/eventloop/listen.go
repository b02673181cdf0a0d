package eventloop

import "time"

// Options of listeners. What sockets inherit is set once, on the listener.
type Options struct {
	// SendBuffer of each socket in the kernel, in bytes; 0 leaves it.
	SendBuffer int
	// Unanswered is how long what was sent may stay without an answer of the peer's system before the socket is dead; 0 leaves it.
	Unanswered time.Duration
}
