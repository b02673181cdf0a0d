package load

import (
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/throng-im/throng/bench/report"
	"github.com/throng-im/throng/client/link"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

const (
	fieldHint    = 4 // ServerEnvelope
	fieldSync    = 7
	fieldClosing = 8
	maxGap       = 1 << 20 // seqs between two deliveries, beyond which something is wrong with the second
	pullPage     = 200
)

// carrier takes a client's bytes to the server. It is the core's owner, and is called by it alone.
type carrier interface {
	// write sends masked frames.
	write(i int32, b []byte)
	// cut ends a client's connection; it comes back where that is wanted, no sooner than after a time that the server named.
	cut(i int32, after time.Duration)
	// opened tells that a client is authenticated.
	opened(i int32)
	// later heals a client again, after a while.
	later(i int32)
}

// core is what of a loop knows nothing of sockets: it takes bytes and checks what they say. It has one owner at a time.
type core struct {
	cfg     *Config
	id      int
	out     carrier
	conns   []conn
	sides   map[int32]*side
	partial map[int32][]byte
	scanner link.FrameScanner
	memory  memory
	ahead   struct { // the last one that was made
		conv  uint64
		frame string
	}

	// Of the frame that is being read.
	at   int32
	now  int64
	seen frame

	again     *Backoff
	opening   int // at once
	measuring bool
	counts    Counts
	highest   uint64 // seq, of all conversations together: fleets that ask have one
	reasons   map[string]int64
	hist      *report.Histogram // while measuring
	series    series
}

func (l *core) init(cfg *Config, id int, out carrier) {
	l.cfg, l.id, l.out, l.again, l.opening = cfg, id, out, cfg.Again, max(cfg.Opening/cfg.Loops, 1)
	l.sides, l.partial, l.reasons = map[int32]*side{}, map[int32][]byte{}, map[string]int64{}
	l.hist, l.series = report.NewHistogram(), newSeries()
	l.scanner.To = l
	n := (cfg.Clients - id + cfg.Loops - 1) / cfg.Loops
	l.conns = make([]conn, n)
	for i := range l.conns {
		c, who := &l.conns[i], l.client(int32(i))
		c.fd = -1
		if cfg.Conversation != nil {
			c.conv, c.next = cfg.Conversation(who)
			if cfg.Focus == nil || cfg.Focus(who) {
				c.flags |= wantsFocus
			}
		}
		if cfg.Sends == nil || cfg.Sends(who) {
			c.flags |= sends
		}
		if cfg.Slow != nil && cfg.Slow(who) {
			c.flags |= slow
		}
	}
}

// client is the fleet's number of a connection.
func (l *core) client(i int32) int { return int(i)*l.cfg.Loops + l.id }

// bytes takes what was read for a connection, and returns what is not a whole frame yet. It stops where the connection ends.
func (l *core) bytes(i int32, b []byte) (rest []byte, err error) {
	l.at = i
	c := &l.conns[i]
	for {
		op, payload, size, err := split(b)
		if err != nil || size == 0 {
			return b, err
		}
		switch {
		case op != opBinary:
			l.control(op, payload)
		case l.known(c, payload):
		default:
			if err := l.scan(payload, size); err != nil {
				return nil, err
			}
		}
		if b = b[size:]; c.state == down || c.state == ended {
			return nil, nil
		}
	}
}

func (l *core) control(op byte, payload []byte) {
	switch op {
	case opPing:
		l.out.write(l.at, seal(nil, opPong, payload))
	case opClose:
		l.out.cut(l.at, 0)
	}
}

// Entry implements link.Scanner.
func (l *core) Entry(e *link.RawEntry) {
	c := &l.conns[l.at]
	if c.conv == 0 || e.Conversation != c.conv {
		l.seen.odd = true
		if c.conv != 0 {
			l.counts.Foreign++
		}
		return
	}
	if l.measuring {
		l.seen.entryBytes += int64(e.Size)
		l.counts.TextBytes += int64(len(e.Text))
	}
	l.seen.entries++
	l.entry(c, e.Seq, e.Text, false)
}

// entry checks an entry, pushed or pulled.
func (l *core) entry(c *conn, seq uint64, words []byte, pulled bool) {
	if seq > c.next+maxGap {
		l.counts.Damaged++
		return
	}
	l.highest = max(l.highest, seq)
	spot := -1 // changes of members and settings have no text
	if words != nil {
		if spot = l.memory.learn(l, c.conv, seq, words); spot < 0 {
			l.counts.Damaged++
			l.seen.odd = true
			return
		}
	}
	own := spot >= 0 && c.flags&sends != 0 && int(l.memory.texts[spot].stamp.Sender) == l.client(l.at)
	v := l.take(l.at, c, seq, own)
	if pulled && v != inOrder && v != disordered {
		return // pages overlap with what is there
	}
	switch v {
	case duplicate:
		l.counts.Duplicate++
	case disordered:
		if !pulled {
			l.counts.Disordered++
		}
	case inOrder, expected:
	}
	if v != inOrder || spot < 0 {
		l.seen.odd = true
	} else {
		l.seen.add(c.conv, seq, spot)
	}
	if own || v == duplicate || v == expected {
		return
	}
	if pulled {
		l.counts.Pulled++
	}
	if l.measuring && c.flags&slow == 0 {
		l.counts.Entries++
	}
	if spot >= 0 && c.flags&(wantsFocus|slow) == wantsFocus { // the others get what they get
		l.memory.arrived(l, spot, 1)
	}
	if !pulled && c.flags&hasSide != 0 && c.flags&sends == 0 && len(l.sides[l.at].missing) > 0 {
		l.heal(l.at) // a gap; who sends has gaps that are its own entries, until it hears of them
	}
}

// Response implements link.Scanner.
func (l *core) Response(a *link.RawResponse) {
	l.seen.odd = true
	c, who := &l.conns[l.at], l.client(l.at)
	switch {
	case a.ID == IDAuthenticate, a.ID == 0 && c.state == authenticating: // unasked, where the handshake had the token
		l.authenticated(c, who, a)
	case a.ID == idFocus:
		if a.Error != nil {
			l.counts.Unfocused++
		}
	case a.ID&idHeal != 0:
		c.flags &^= behind
		if a.Entries == nil || !l.page(c, a.Entries) {
			l.out.later(l.at)
		}
	case a.ID&idPull != 0 && a.Entries != nil:
		l.cfg.Driver.Page(who, a.ID&^idPull, a.Entries, l.now)
	case a.Send:
		l.counts.Acked++
		l.highest = max(l.highest, a.Seq)
		if c.conv != 0 {
			l.mine(l.at, c, a.Seq)
		}
		l.cfg.Driver.Acked(who, a.ID, a.Seq, l.now)
	case a.Error != nil:
		e := l.reason(a.Error)
		l.counts.Refused++
		l.cfg.Driver.Refused(who, a.ID&^idPull, Refusal{Reason: e.GetReason(), Again: retryable(e.GetCode()), After: wait(e)})
	}
}

func wait(e *throngv1.Error) time.Duration {
	return time.Duration(e.GetRetryAfterMs()) * time.Millisecond
}

func retryable(c throngv1.Code) bool {
	return c == throngv1.Code_CODE_UNKNOWN || c == throngv1.Code_CODE_UNAVAILABLE || c == throngv1.Code_CODE_RATE_LIMITED
}

// reason reads an error and counts it.
func (l *core) reason(b []byte) *throngv1.Error {
	var e throngv1.Error
	if proto.Unmarshal(b, &e) != nil {
		l.counts.Damaged++
	}
	l.reasons[e.GetReason()]++
	return &e
}

func (l *core) authenticated(c *conn, who int, a *link.RawResponse) {
	if a.Error != nil {
		l.out.cut(l.at, wait(l.reason(a.Error)))
		return
	}
	if c.state != authenticating {
		return
	}
	c.state, c.tries = open, 0
	l.counts.Opened++
	l.counts.Open++
	l.out.opened(l.at)
	if c.flags&wantsFocus != 0 && !l.cfg.Early { // else it came along
		l.out.write(l.at, focus(c.conv))
	}
	if c.flags&everOpen != 0 && c.conv != 0 {
		l.heal(l.at)
	}
	c.flags |= everOpen
	l.cfg.Driver.Changed(who, true, l.now)
}

// failed counts a connection that ended before it was open.
func (l *core) failed(i int32) {
	if l.conns[i].state != open {
		l.counts.Failed++
	}
}

// feed takes bytes of a client's stream, which it borrows, and keeps what is not whole.
func (l *core) feed(i int32, b []byte) error {
	c := &l.conns[i]
	if c.flags&hasPartial != 0 {
		b = append(l.partial[i], b...)
		delete(l.partial, i)
		c.flags &^= hasPartial
	}
	rest, err := l.bytes(i, b)
	if err != nil {
		return err
	}
	l.keep(i, rest)
	return nil
}

// keep holds on to the beginning of something.
func (l *core) keep(i int32, b []byte) {
	if len(b) > 0 && l.conns[i].state != down {
		l.partial[i] = append([]byte(nil), b...)
		l.conns[i].flags |= hasPartial
	}
}

// gone notes that a connection has ended, and reports whether it had been open.
func (l *core) gone(i int32) {
	c := &l.conns[i]
	was := c.state
	c.state = down
	c.flags &^= behind
	if was == open {
		l.counts.Open--
		l.counts.Cut++
		l.cfg.Driver.Changed(l.client(i), false, l.now)
	}
}

// heal asks for what a client lacks.
func (l *core) heal(i int32) {
	c := &l.conns[i]
	if c.state != open || c.flags&behind != 0 {
		return
	}
	c.flags |= behind
	l.counts.Pulls++
	l.out.write(i, pull(idHeal, c.conv, l.first(i, c), 0, pullPage))
}

// page takes what heal asked for. It reports false where nothing came of it.
func (l *core) page(c *conn, b []byte) bool {
	var p throngv1.ListEntriesResponse
	if proto.Unmarshal(b, &p) != nil {
		l.counts.Damaged++
		return false
	}
	to := p.GetCovered().GetTo()
	l.highest = max(l.highest, p.GetHeadSeq())
	before := l.lacks(l.at, c, p.GetHeadSeq())
	if to > 0 {
		s := l.side(l.at, c)
		s.pulled = max(s.pulled, to)
	}
	for _, e := range p.GetEntries() {
		var words []byte
		if t := e.GetText(); t != "" {
			words = []byte(t)
		}
		l.entry(c, e.GetSeq(), words, true)
	}
	left := l.lacks(l.at, c, p.GetHeadSeq())
	if left > 0 && left < before {
		l.heal(l.at)
	}
	return left == 0 || left < before
}

// Other implements link.Scanner.
func (l *core) Other(field int, b []byte) {
	l.seen.odd = true
	c := &l.conns[l.at]
	switch field {
	case fieldHint:
		var h throngv1.Hint
		if proto.Unmarshal(b, &h) != nil || h.GetConversation() != c.conv {
			return
		}
		l.counts.Hints++
		l.highest = max(l.highest, h.GetSeq())
		if h.GetSeq() < c.next {
			return
		}
		if c.flags&wantsFocus != 0 {
			l.heal(l.at)
		} else {
			s := l.side(l.at, c)
			s.hinted = max(s.hinted, h.GetSeq())
		}
	case fieldSync: // it may have missed anything
		l.counts.Hints++
		if c.conv != 0 && c.flags&wantsFocus != 0 {
			l.heal(l.at)
		}
	case fieldClosing:
		var cl throngv1.Closing
		if proto.Unmarshal(b, &cl) == nil {
			l.reasons["closing: "+cl.GetReason()]++
			l.out.cut(l.at, time.Duration(cl.GetRetryAfterMs())*time.Millisecond)
		}
	}
}

// settle ends a batch: what has come is told.
func (l *core) settle(now int64) {
	l.memory.settle(l)
	l.series.settle(now / int64(l.cfg.Step))
}

// latency counts a delivery n times.
func (l *core) latency(took time.Duration, n int64) {
	if l.measuring {
		l.hist.RecordMany(took, n)
		l.series.record(took, n)
	}
}
