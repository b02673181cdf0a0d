package pump

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/throng-im/throng/bench/load"
	"github.com/throng-im/throng/bench/report"
	"github.com/throng-im/throng/bench/text"
)

// Mouth sends messages. Its methods are called one at a time and must not block.
type Mouth interface {
	// Say sends a message, which it borrows until return. It reports whether it is acknowledged by that; else the fleet will tell.
	Say(m *Message) (acked bool)
	// Flush sends what was kept for company.
	Flush()
}

// Message is one on its way.
type Message struct {
	// ID of the request.
	ID uint64
	// Client of the fleet that sends it, its Counter, and when it was due.
	Client  int
	Counter uint32
	Due     int64
	// ClientID stays the same when it is sent again.
	ClientID [16]byte
	Text     []byte

	acked       bool
	reached     int
	first, last int64
}

// Config says what flows.
type Config struct {
	// Senders are clients of the fleet, which take turns; Random has them drawn.
	Senders []int
	Random  bool
	// Receivers that each message has, its sender apart.
	Receivers int
	// Size of a text in bytes.
	Size int
	// InFlight messages at once, where there is no rate; default 1.
	InFlight int
	// Most messages in all; 0 is no end.
	Most int
	// Rate in messages per second.
	Rate float64
}

const (
	tickEvery   = time.Millisecond
	retryAfter  = 20 * time.Millisecond
	mostWaiting = 48    // unanswered messages of a sender, of the 64 that a session may have
	mostFlying  = 4_096 // with a rate: beyond it messages are late
)

// Pump is a load.Driver.
type Pump struct {
	load.Nobody

	// Immutable after Start.
	cfg   Config
	mouth Mouth
	now   func() int64
	prose text.Prose

	stop chan struct{}
	done chan struct{}

	mu        sync.Mutex
	running   bool
	measuring bool
	begin     int64 // of the schedule
	due       int64 // messages of the schedule that went out
	lastID    uint64
	turn      int
	counters  []uint32
	waiting   map[uint64]*Message // not acknowledged, by id
	flying    map[key]*Message    // not at everybody
	again     []retry
	figures   Figures
	highest   uint64
	err       error
}

type key struct{ sender, counter uint32 }

type retry struct {
	at int64
	m  *Message
}

// Figures are of the messages that were sent in measured parts and reached everybody.
type Figures struct {
	// Messages that reached everybody.
	Messages int64
	// Ack, First and All are from the time it was due to the answer, to the first and to the last receiver.
	Ack, First, All *report.Histogram
	// Sent again, in all parts.
	Again int64
}

func newFigures() Figures {
	return Figures{Ack: report.NewHistogram(), First: report.NewHistogram(), All: report.NewHistogram()}
}

// New makes a pump. Give it to a fleet as its driver, then start it.
func New(cfg Config) *Pump {
	if cfg.InFlight < 1 {
		cfg.InFlight = 1
	}
	return &Pump{
		cfg: cfg, prose: text.NewProse(), counters: make([]uint32, len(cfg.Senders)), waiting: map[uint64]*Message{}, flying: map[key]*Message{},
		figures: newFigures(), stop: make(chan struct{}), done: make(chan struct{}),
	}
}

// Start begins to send through mouth. End it with Close.
func (p *Pump) Start(mouth Mouth, now func() int64) {
	p.mouth, p.now = mouth, now
	p.mu.Lock()
	p.running, p.begin = true, now()
	p.fill()
	p.mu.Unlock()
	go p.clock() // ends with Close
}

// Close ends it; Pause first, where the messages on their way matter.
func (p *Pump) Close() {
	close(p.stop)
	<-p.done
}

// Pause sends nothing new.
func (p *Pump) Pause() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.running = false
	p.mouth.Flush()
}

// Resume goes on after a Pause: messages that were due meanwhile are not.
func (p *Pump) Resume() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.running = true
	if p.cfg.Rate > 0 {
		p.begin = p.now() - int64(float64(p.due)/p.cfg.Rate*float64(time.Second))
	}
	p.fill()
}

// SetInFlight changes how many messages are on their way at once.
func (p *Pump) SetInFlight(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cfg.InFlight = n
	p.fill()
}

// Clear forgets the figures until now.
func (p *Pump) Clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.figures = newFigures()
}

// Measure begins or ends a measured part.
func (p *Pump) Measure(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.measuring = on
}

// Err is what keeps it from going on; nil where nothing does.
func (p *Pump) Err() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}

// Waiting is how many messages are not acknowledged, Flying how many are not at everybody.
func (p *Pump) Waiting() (waiting, flying int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.waiting), len(p.flying)
}

// Answered sends nothing new, and waits until all messages are acknowledged. An error says how many are not after a while.
func (p *Pump) Answered(ctx context.Context, within time.Duration) error {
	p.Pause()
	tick := time.NewTicker(tickEvery)
	defer tick.Stop()
	for end := time.Now().Add(within); ; {
		n, _ := p.Waiting()
		switch {
		case n == 0:
			return nil
		case time.Now().After(end):
			return fmt.Errorf("%d messages were not answered for %v", n, within)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Highest is the highest seq that was acknowledged, and Sent how many messages there were.
func (p *Pump) Highest() (seq uint64, sent int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, n := range p.counters {
		sent += int64(n)
	}
	return p.highest, sent
}

// Figures are those until now. They are the pump's: read them when it is closed.
func (p *Pump) Figures() Figures {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.figures
}

// Measured reports that there is a figure: a message of the measured part has reached everybody.
func (p *Pump) Measured() bool { return p.Figures().Messages > 0 }

// clock makes messages due and sends again.
func (p *Pump) clock() {
	defer close(p.done)
	tick := time.NewTicker(tickEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-p.stop:
			return
		}
		p.mu.Lock()
		now := p.now()
		kept := p.again[:0]
		for _, r := range p.again {
			if r.at > now {
				kept = append(kept, r)
			} else if !r.m.acked {
				p.say(r.m)
			}
		}
		p.again = kept
		if p.cfg.Rate > 0 {
			p.fill()
		}
		p.mu.Unlock()
	}
}

// fill sends what is to be sent now. mu is held.
func (p *Pump) fill() {
	for p.running && p.err == nil {
		due := p.now()
		if p.cfg.Rate > 0 {
			at := p.begin + int64(float64(p.due)/p.cfg.Rate*float64(time.Second))
			if at > due || len(p.flying) >= mostFlying || len(p.waiting) >= mostWaiting*len(p.cfg.Senders) {
				return
			}
			due = at
		} else if len(p.flying) >= p.cfg.InFlight {
			return
		}
		if p.cfg.Most > 0 && p.due >= int64(p.cfg.Most) {
			return
		}
		p.due++
		s := p.turn % len(p.cfg.Senders)
		p.turn++
		if p.cfg.Random {
			s = rand.IntN(len(p.cfg.Senders)) //nolint:gosec // spreading, not guarding
		}
		p.say(p.next(s, due))
	}
}

// next makes a sender's next message. mu is held.
func (p *Pump) next(s int, due int64) *Message {
	p.lastID++
	m := &Message{ID: p.lastID, Client: p.cfg.Senders[s], Counter: p.counters[s], Due: due, Text: make([]byte, p.cfg.Size)}
	p.counters[s]++
	copy(m.Text[text.MinBytes:], p.prose.Cut(len(m.Text)-text.MinBytes, m.ID))
	text.Stamp{Sender: uint32(m.Client), Counter: m.Counter, Due: due}.Write(m.Text)
	const version, variant = 0x40, 0x80                       // of RFC 9562: a random UUID
	binary.BigEndian.PutUint64(m.ClientID[:8], rand.Uint64()) //nolint:gosec // unguessable it need not be
	binary.BigEndian.PutUint64(m.ClientID[8:], rand.Uint64()) //nolint:gosec // as above
	m.ClientID[6] = version | m.ClientID[6]&0x0f
	m.ClientID[8] = variant | m.ClientID[8]&0x3f
	p.waiting[m.ID] = m
	p.flying[key{uint32(m.Client), m.Counter}] = m
	return m
}

// say sends a message, perhaps again. mu is held.
func (p *Pump) say(m *Message) {
	if p.mouth.Say(m) {
		p.acked(m, p.now())
	}
}

func (p *Pump) acked(m *Message, now int64) {
	delete(p.waiting, m.ID)
	m.acked = true
	if p.measuring {
		p.figures.Ack.Record(time.Duration(now - m.Due))
	}
	p.finish(m)
}

// finish ends a message that is acknowledged and has reached everybody. mu is held.
func (p *Pump) finish(m *Message) {
	if !m.acked || m.reached < p.cfg.Receivers {
		return
	}
	delete(p.flying, key{uint32(m.Client), m.Counter})
	if p.measuring {
		p.figures.Messages++
		p.figures.First.Record(time.Duration(m.first - m.Due))
		p.figures.All.Record(time.Duration(m.last - m.Due))
	}
}

// Acked implements load.Driver.
func (p *Pump) Acked(_ int, id, seq uint64, now int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.highest = max(p.highest, seq)
	if m := p.waiting[id]; m != nil {
		p.acked(m, now)
		p.fill()
	}
}

// Reached implements load.Driver.
func (p *Pump) Reached(a load.Arrival) {
	p.mu.Lock()
	defer p.mu.Unlock()
	m := p.flying[key{a.Sender, a.Counter}]
	if m == nil || m.Due != a.Due {
		return
	}
	if m.reached == 0 || a.First < m.first {
		m.first = a.First
	}
	m.reached += a.N
	m.last = max(m.last, a.Last)
	p.finish(m)
	p.fill()
}

// Refused implements load.Driver.
func (p *Pump) Refused(_ int, id uint64, r load.Refusal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	m := p.waiting[id]
	switch {
	case m == nil:
	case r.Again:
		p.later(m, r.After)
	default:
		p.err = errors.Join(p.err, fmt.Errorf("a message was refused: %s", r.Reason))
	}
}

func (p *Pump) later(m *Message, after time.Duration) {
	p.figures.Again++
	p.again = append(p.again, retry{p.now() + int64(retryAfter+after), m})
}

// Changed implements load.Driver: what a client that lost its connection has not heard of is sent again.
func (p *Pump) Changed(client int, open bool, _ int64) {
	if open {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, m := range p.waiting {
		if m.Client == client {
			p.later(m, 0)
		}
	}
}
