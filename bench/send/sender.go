package send

import (
	"encoding/binary"
	"math/rand/v2"
	"sync"
	"time"
)

const (
	pipeline   = 32     // messages of one user that are on their way at once, in an open loop
	fastRate   = 10_000 // messages per second that one scheduler makes due without falling behind
	schedulers = 4      // for more
	tickEvery  = time.Millisecond
	// Bits of RFC 9562: version 4, a random UUID; version 8, one of one's own making; the variant.
	uuidVersion = 0x40
	uuidOwn     = 0x80
	uuidVariant = 0x80
)

// sender sends; its fields are guarded by its peer's mu.
type sender struct {
	id       uint32
	p        *peer
	groups   []int
	turn     int
	counters []uint32 // sent, by group
	acked    []uint32 // acknowledged, by group
	busy     int
	backlog  []int64 // due times that wait for their turn
	text     []byte
}

// message is one that is on its way.
type message struct {
	id      uint64
	s       *sender
	group   int // index into the sender's groups
	counter uint32
	due     int64
	client  [16]byte
}

func (r *run) newSenders() {
	r.senders = make([]*sender, len(r.plan.sends))
	for i, sp := range r.plan.sends {
		r.senders[i] = &sender{
			id: uint32(i), p: r.peers[sp.user], groups: sp.groups, turn: i % len(sp.groups),
			counters: make([]uint32, len(sp.groups)), acked: make([]uint32, len(sp.groups)), text: make([]byte, r.cfg.Size),
		}
	}
}

// startSenders begins the load: a first message each, which keeps the loop closed, or the schedules.
func (r *run) startSenders(helpers *sync.WaitGroup, stop <-chan struct{}) {
	if r.cfg.Rate == 0 {
		helpers.Go(r.firstSends)
		return
	}
	r.open.Store(true)
	begin := r.now()
	n := 1
	if r.cfg.Rate > fastRate {
		n = schedulers
	}
	for k := range n {
		helpers.Go(func() { r.schedule(k, n, begin, stop) })
	}
}

// firstSends begins a closed loop.
func (r *run) firstSends() {
	for _, s := range r.senders {
		s.p.mu.Lock()
		s.send(r.now())
		s.p.mu.Unlock()
	}
}

// schedule makes the messages due whose number is k modulo the number of schedulers.
func (r *run) schedule(k, of int, begin int64, stop <-chan struct{}) {
	t := time.NewTimer(0)
	defer t.Stop()
	for n := k; ; {
		select {
		case <-stop:
			return
		case <-t.C:
		}
		var due int64
		for !r.stopped.Load() {
			if due = begin + int64(float64(n)/r.cfg.Rate*float64(time.Second)); due > r.now() {
				break
			}
			r.senders[n%len(r.senders)].dueAt(due)
			n += of
		}
		// What is due within a millisecond goes together: waking up costs more than a message.
		t.Reset(max(time.Duration(due-r.now()), tickEvery))
	}
}

// dueAt sends the next message, or notes that it waits for its turn.
func (s *sender) dueAt(due int64) {
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	if s.busy < pipeline && len(s.backlog) == 0 {
		s.send(due)
	} else {
		s.backlog = append(s.backlog, due)
	}
}

// send sends the sender's next message. The peer's mu is held.
func (s *sender) send(due int64) {
	i := s.turn
	s.turn = (s.turn + 1) % len(s.groups)
	m := message{s: s, group: i, counter: s.counters[i], due: due}
	s.counters[i]++
	s.busy++
	r := s.p.r
	// Random, as clients choose them: ids in order would make the server's check for repeats cheaper than it is.
	binary.BigEndian.PutUint64(m.client[:8], rand.Uint64()) //nolint:gosec // unguessable it need not be
	binary.BigEndian.PutUint64(m.client[8:], rand.Uint64()) //nolint:gosec // as above
	m.client[6] = uuidVersion | m.client[6]&0x0f
	m.client[8] = uuidVariant | m.client[8]&0x3f
	r.waiting.Add(1)
	s.p.post(&m)
}

// answered notes the acknowledgement of m and keeps the loop going. The peer's mu is held.
func (s *sender) answered(m *message, now int64) {
	r := s.p.r
	s.busy--
	s.acked[m.group] = max(s.acked[m.group], m.counter+1)
	r.waiting.Add(-1)
	r.acked.Add(1)
	g := s.groups[m.group]
	r.expected.Add(int64(len(r.plan.groups[g].online) - 1))
	took := time.Duration(now - m.due)
	if !r.cold[g].Swap(true) {
		r.first.Record(s.p.index, took)
	}
	if r.measuring.Load() {
		r.measured.Add(1)
		r.acks.Record(s.p.index, took)
	}
	switch {
	case r.stopped.Load() || r.paused.Load():
	case !r.open.Load():
		s.send(r.now())
	case len(s.backlog) > 0:
		due := s.backlog[0]
		if s.backlog = s.backlog[1:]; len(s.backlog) == 0 {
			s.backlog = nil
		}
		s.send(due)
	}
}
