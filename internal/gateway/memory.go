package gateway

// Sink takes what the gateway writes to connections that have no socket. Its methods are called on the connections' loops,
// several loops at once, and must not block.
type Sink interface {
	// Take gets bytes of a connection's stream, whole frames or what is left of one, as they would go into a socket. It
	// borrows p until it returns and must not change it: the same bytes may go to many connections. It returns how much it
	// takes; less than all of it makes the connection a slow one until [Memory.Ready] is called.
	Take(key uint64, p []byte) int
	// Closed is told once when the connection has ended, whoever ended it. No Take follows.
	Closed(key uint64)
}

// Memory is the client's end of a connection without a socket. Its methods may be called from any goroutine and never block. Who
// only listens need not keep it.
type Memory struct {
	// immutable after construction
	loop *loop

	// owned by the loop
	ref ref
}

// OpenMemory opens a connection that is real in everything but the socket: admission, the handshake's token (h.Token),
// session, routes, loop, frames. No goroutine and no buffer is kept for it, so that a process can hold a million of them. key is the
// caller's name for it, which the sink is told with each call.
func (s *Server) OpenMemory(h Hello, sink Sink, key uint64) (*Memory, error) {
	from, v := s.admission.enter(h.Address)
	if v != admitted {
		return nil, refusal(v)
	}
	l := s.pick()
	m := &Memory{loop: l}
	return m, s.give(l, &opening{link: carrierOf(sink), num: key, from: from, hello: h, memory: m})
}

// Send hands over bytes of the client's stream: masked frames, whole or in pieces. It takes p: the frames are unmasked in place.
func (m *Memory) Send(p []byte) { m.loop.inbox.Put(op{kind: opInput, memory: m, bytes: p}) }

// Ready tells that the sink takes more.
func (m *Memory) Ready() { m.loop.inbox.Put(op{kind: opReady, memory: m}) }

// Close ends the connection as a client does that is gone.
func (m *Memory) Close() { m.loop.inbox.Put(op{kind: opGone, memory: m}) }

// memory carries connections without sockets.
type memory struct{ sink Sink }

func carrierOf(s Sink) carrier { return memory{s} }

func (m memory) write(c *conn, p []byte) (int, error) { return m.sink.Take(c.num, p), nil }

func (memory) start(*conn) {} // what comes is posted

func (memory) await(*conn) {} // Ready tells

func (memory) resume(*conn) {} // what comes is posted; what waits is kept

func (m memory) hangUp(c *conn) bool {
	m.sink.Closed(c.num)
	return false
}
