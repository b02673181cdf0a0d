package load

import (
	"errors"
	"sync"
	"time"
)

// Line is the client's end of a connection without a socket.
type Line interface {
	// Send hands over masked frames, which it takes.
	Send(p []byte)
	// Close ends the connection as a client does that is gone.
	Close()
}

// Sink is the fleet's end of connections without sockets: it takes what the server writes to the client key. It may be called from
// several goroutines, for one client from one at a time.
type Sink interface {
	Take(key uint64, p []byte) int
	Closed(key uint64)
}

const (
	insideTick = time.Millisecond
	insideLook = 64 // writes for which one look at the clock is enough
)

// NewInside makes a fleet of clients in the server's own process. open opens the connection of a client, with its token, in the order
// of their numbers; the fleet sends no handshake and does not authenticate.
func NewInside(cfg Config, open func(client int, sink Sink) (Line, error)) (*Fleet, error) {
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	if cfg.Slow != nil {
		return nil, errors.New("a client without a socket cannot be kept from reading")
	}
	f := &Fleet{cfg: cfg, begin: time.Now()}
	in := &inside{f: f, open: open, stop: make(chan struct{}), done: make(chan struct{})}
	for id := range cfg.Loops {
		s := &shard{in: in, lines: make([]Line, (cfg.Clients-id+cfg.Loops-1)/cfg.Loops)}
		s.core.init(&f.cfg, id, s)
		in.shards = append(in.shards, s)
		f.parts = append(f.parts, s)
	}
	f.end = sync.OnceValue(f.closeAll)
	go in.run() // ends with close
	return f, nil
}

// inside is what the shards share: one goroutine that opens clients, sends what they have to say, and settles.
type inside struct {
	// Immutable after construction.
	f      *Fleet
	open   func(client int, sink Sink) (Line, error)
	shards []*shard
	stop   chan struct{}
	done   chan struct{}
	ends   sync.Once

	// Owned by the goroutine.
	next int
}

// shard is the clients that one of the server's loops writes to, where that gives connections to its loops in turn.
type shard struct {
	in   *inside
	mail mailbox

	mu     sync.Mutex
	core   core
	lines  []Line
	out    []post // what clients have to say: not from within the server's own call
	spare  []post
	lame   []int32
	wanted int
	looks  int
	closed bool
}

func (in *inside) run() {
	defer close(in.done)
	tick := time.NewTicker(insideTick)
	defer tick.Stop()
	lame := 0
	for {
		select {
		case <-tick.C:
		case <-in.stop:
			return
		}
		in.openSome()
		lame++
		for _, s := range in.shards {
			s.turn(lame%int(healAgain/insideTick) == 0)
		}
	}
}

// openSome opens clients in the order of their numbers.
func (in *inside) openSome() {
	opening, wanted := 0, 0
	for _, s := range in.shards {
		s.mu.Lock()
		c := &s.core.counts
		opening += int(c.Attempts - c.Opened - c.Failed)
		wanted += s.wanted
		s.mu.Unlock()
	}
	for ; in.next < wanted && opening < in.f.cfg.Opening; in.next++ {
		s := in.shards[in.next%len(in.shards)]
		i := int32(in.next / len(in.shards))
		s.mu.Lock()
		s.core.counts.Attempts++
		s.core.conns[i].state = authenticating
		s.mu.Unlock()
		line, err := in.open(in.next, s.sink())
		s.mu.Lock()
		if s.lines[i] = line; err != nil {
			s.core.counts.Failed++
			s.core.conns[i].state = down
			s.core.reasons["open: "+err.Error()]++
		}
		s.mu.Unlock()
		opening++
	}
}

// turn sends what is to be sent, and settles.
func (s *shard) turn(heal bool) {
	s.mu.Lock()
	now := s.in.f.Now()
	s.core.now = now
	for _, p := range s.mail.take() {
		if s.core.conns[p.i].state != open {
			s.in.f.cfg.Driver.Refused(s.core.client(p.i), p.id&^idPull, Refusal{Reason: "not_open", Again: true})
			continue
		}
		s.out = append(s.out, p)
	}
	if heal {
		again := s.lame
		s.lame = nil
		for _, i := range again {
			s.core.heal(i)
		}
	}
	s.core.settle(now)
	out := s.out
	s.out = s.spare[:0]
	lines := s.lines
	s.mu.Unlock()
	for _, p := range out {
		if l := lines[p.i]; l != nil {
			l.Send(p.b)
		}
	}
	clear(out)
	s.spare = out
}

// taker is a shard as a Sink: keys are clients of the fleet.
type taker struct{ s *shard }

func (s *shard) sink() Sink { return taker{s} }

// Take implements Sink.
func (t taker) Take(key uint64, p []byte) int {
	s := t.s
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return len(p)
	}
	if s.looks++; s.looks%insideLook == 0 {
		s.core.now = s.in.f.Now()
	}
	s.core.counts.Reads++
	i := int32(int(key) / len(s.in.shards))
	if err := s.core.feed(i, p); err != nil {
		s.core.counts.Damaged++
		s.core.reasons[err.Error()]++
		s.cut(i, 0)
	}
	return len(p)
}

// Closed implements Sink.
func (t taker) Closed(key uint64) {
	s := t.s
	s.mu.Lock()
	defer s.mu.Unlock()
	i := int32(int(key) / len(s.in.shards))
	if c := &s.core.conns[i]; !s.closed && c.state != down && c.state != ended {
		s.core.failed(i)
		s.core.gone(i)
	}
}

// The shard as a carrier, with mu held.

func (s *shard) write(i int32, b []byte) { s.out = append(s.out, post{i: i, b: b}) }

// cut notes the end; the server hears of it by itself, or has ended it.
func (s *shard) cut(i int32, _ time.Duration) {
	if c := &s.core.conns[i]; c.state != down && c.state != ended {
		s.core.failed(i)
		s.core.gone(i)
	}
}

func (*shard) opened(int32) {}

func (s *shard) later(i int32) { s.lame = append(s.lame, i) }

// The shard as a part of the fleet.

func (s *shard) lock() *core {
	s.mu.Lock()
	return &s.core
}

func (s *shard) unlock() { s.mu.Unlock() }

func (s *shard) want(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wanted = max(s.wanted, min(n, len(s.lines)))
}

func (s *shard) send(p post) { s.mail.put(p) }

// close leaves the connections to the server, which ends with the run: to end a million of them one by one would take longer.
func (s *shard) close() error {
	s.in.ends.Do(func() {
		close(s.in.stop)
		<-s.in.done
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	return nil
}
