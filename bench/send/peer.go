package send

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/throng-im/throng/bench/text"
	"github.com/throng-im/throng/client"
	"github.com/throng-im/throng/client/link"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

const (
	window64   = 256 // requests that a peer remembers; far more than a server lets wait
	pullPage   = 200
	retryAfter = 20 * time.Millisecond
	hintField  = 4 // ServerEnvelope
	closeField = 8
	pullBit    = 1 << 62 // ids of requests that are not sends
)

var errEnded = errors.New("a connection ended")

// peer is one user's session.
type peer struct {
	// Immutable after construction.
	r     *run
	index int
	link  *link.Link

	// Owned by the reading goroutine.
	scanner link.FrameScanner
	now     int64
	head    float64 // bytes of the frame's header for each byte of its payload

	// Guarded by mu.
	mu     sync.Mutex
	nextID uint64
	sent   [window64]message
	buf    []byte
	pulls  map[uint64]pull

	// Guarded by seen; taken by the reader for a frame at a time, and by who counts at the end.
	seen  sync.Mutex
	views map[client.ConversationID]*view
}

// pull is a range that was asked for.
type pull struct {
	conv client.ConversationID
	to   uint64
}

func newPeer(r *run, index int, conn *link.Link) *peer {
	p := &peer{r: r, index: index, link: conn, pulls: map[uint64]pull{}, views: map[client.ConversationID]*view{}}
	p.scanner.To = p
	for _, g := range r.plan.of[index] {
		p.views[r.convs[g]] = &view{}
	}
	return p
}

// post sends m under a new id. mu is held.
func (p *peer) post(m *message) {
	p.nextID++
	m.id = p.nextID
	p.sent[m.id%window64] = *m
	s := m.s
	copy(s.text[text.MinBytes:], p.r.prose.Cut(len(s.text)-text.MinBytes, uint64(s.id)<<32|uint64(m.counter))) // the same text if it is sent again
	text.Stamp{Sender: s.id, Counter: m.counter, Due: m.due}.Write(s.text)
	p.buf = link.AppendSend(p.buf[:0], m.id, uint64(p.r.convs[s.groups[m.group]]), &m.client, s.text)
	if err := p.link.Write(p.buf); err != nil {
		p.r.fail(fmt.Errorf("%w: user %d: %w", errEnded, p.index, err))
	}
}

func (p *peer) read() {
	for {
		b, err := p.link.Read()
		if err != nil {
			if !p.r.stopped.Load() {
				p.r.fail(fmt.Errorf("%w: user %d: %w", errEnded, p.index, err))
			}
			return
		}
		p.now = p.r.now()
		p.head = float64(frameHead(len(b))) / float64(max(len(b), 1))
		p.seen.Lock()
		err = p.scanner.Scan(b)
		p.seen.Unlock()
		if err != nil {
			p.r.fail(fmt.Errorf("user %d: %w", p.index, err))
			return
		}
	}
}

// frameHead is the size of the header of a server's frame with a payload of n bytes.
func frameHead(n int) int {
	switch {
	case n < 126:
		return 2
	case n < 1<<16:
		return 4
	default:
		return 10
	}
}

// Entry implements link.Scanner.
func (p *peer) Entry(e *link.RawEntry) {
	p.take(client.ConversationID(e.Conversation), e.Seq, e.Text, false)
	if p.r.measuring.Load() && e.Text != nil {
		p.r.inWindow.Add(1)
		p.r.overhead.Add(int64(float64(e.Size)*(1+p.head)+0.5) - int64(len(e.Text)))
	}
}

// take checks a delivery, pushed or pulled.
func (p *peer) take(conv client.ConversationID, seq uint64, b []byte, pulled bool) {
	if b == nil {
		return // the conversation's first entry, and changes of members
	}
	t, r := &p.r.tally, p.r
	st, ok := text.Read(b)
	v := p.views[conv]
	if !ok || v == nil || int(st.Sender) >= len(r.senders) {
		if !pulled { // what was there before the run is pulled too
			t.damaged.Add(1)
		}
		return
	}
	if r.senders[st.Sender].p == p {
		if !pulled {
			t.echoed.Add(1)
		}
		return
	}
	older := seq <= v.last
	v.last = max(v.last, seq)
	switch v.of(st.Sender).take(st.Counter) {
	case inOrder:
		if older && !pulled {
			t.disordered.Add(1)
		}
	case disordered:
		if !pulled {
			t.disordered.Add(1)
		}
	case duplicate:
		if !pulled && seq > v.pulled {
			t.duplicate.Add(1)
		}
		return
	}
	if pulled {
		v.pulled = max(v.pulled, seq)
		t.pulled.Add(1)
	}
	r.delivered.Add(1)
	if r.measuring.Load() {
		r.deliveries.Record(p.index, time.Duration(p.now-st.Due))
	}
}

// Response implements link.Scanner.
func (p *peer) Response(a *link.RawResponse) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if pl, ok := p.pulls[a.ID]; ok {
		delete(p.pulls, a.ID)
		p.pulledPage(pl, a)
		return
	}
	m := p.sent[a.ID%window64]
	if m.id != a.ID || m.s == nil {
		return
	}
	if a.Send {
		p.sent[a.ID%window64] = message{}
		m.s.answered(&m, p.now)
		return
	}
	p.refused(&m, a.Error)
}

// refused sends again what may be, under the same client id, and ends the run otherwise.
func (p *peer) refused(m *message, b []byte) {
	var e throngv1.Error
	if err := proto.Unmarshal(b, &e); err != nil {
		p.r.fail(fmt.Errorf("user %d: an answer that is none: %w", p.index, err))
		return
	}
	p.r.refused(e.GetReason())
	switch e.GetCode() {
	case throngv1.Code_CODE_UNKNOWN, throngv1.Code_CODE_UNAVAILABLE, throngv1.Code_CODE_RATE_LIMITED:
	default:
		p.r.fail(fmt.Errorf("a message was refused: %s: %s", e.GetReason(), e.GetMessage()))
		return
	}
	again := *m
	time.AfterFunc(retryAfter+time.Duration(e.GetRetryAfterMs())*time.Millisecond, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.post(&again)
	})
}

// Other implements link.Scanner.
func (p *peer) Other(field int, b []byte) {
	switch field {
	case hintField:
		var h throngv1.Hint
		if proto.Unmarshal(b, &h) != nil {
			return
		}
		conv := client.ConversationID(h.GetConversation())
		v := p.views[conv]
		if v == nil || h.GetSeq() <= v.last {
			return
		}
		p.r.tally.hints.Add(1)
		p.mu.Lock()
		p.pull(conv, v.last+1, h.GetSeq())
		p.mu.Unlock()
	case closeField:
		var c throngv1.Closing
		if proto.Unmarshal(b, &c) == nil {
			p.r.fail(fmt.Errorf("%w: the server closes: %d %s", errEnded, c.GetCloseCode(), c.GetReason()))
		}
	}
}

// pull asks for a page. mu is held.
func (p *peer) pull(conv client.ConversationID, from, to uint64) {
	p.nextID++
	id := p.nextID | pullBit
	p.pulls[id] = pull{conv: conv, to: to}
	p.request(&throngv1.ClientEnvelope{Id: id, Request: &throngv1.ClientEnvelope_ListEntries{
		ListEntries: &throngv1.ListEntriesRequest{Conversation: uint64(conv), From: from, To: to, Limit: pullPage},
	}})
}

// pullAll asks for the whole conversation.
func (p *peer) pullAll(conv client.ConversationID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pull(conv, 1, 0)
}

func (p *peer) pulledPage(pl pull, a *link.RawResponse) {
	var l throngv1.ListEntriesResponse
	if a.Entries == nil || proto.Unmarshal(a.Entries, &l) != nil {
		return
	}
	for _, e := range l.GetEntries() {
		p.take(pl.conv, e.GetSeq(), []byte(e.GetText()), true)
	}
	to := pl.to
	if to == 0 {
		to = l.GetHeadSeq()
	}
	if at := l.GetCovered().GetTo(); at > 0 && at < to {
		p.pull(pl.conv, at+1, to)
	}
}

// heartbeat keeps the session alive; the answer does not matter.
func (p *peer) heartbeat() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.request(&throngv1.ClientEnvelope{Request: &throngv1.ClientEnvelope_Heartbeat{Heartbeat: &throngv1.HeartbeatRequest{}}})
}

func (p *peer) request(env *throngv1.ClientEnvelope) {
	b, err := proto.Marshal(&throngv1.ClientFrame{Envelopes: []*throngv1.ClientEnvelope{env}})
	if err == nil {
		err = p.link.Write(b)
	}
	if err != nil {
		p.r.fail(fmt.Errorf("%w: user %d: %w", errEnded, p.index, err))
	}
}

// lacks is what the peer lacks of a sender's first n messages in a conversation.
func (p *peer) lacks(conv client.ConversationID, sender, n uint32) int {
	p.seen.Lock()
	defer p.seen.Unlock()
	return p.views[conv].of(sender).lacks(n)
}

func (p *peer) close() { _ = p.link.Close(1000, "") }

// authenticate opens the session.
func authenticate(ctx context.Context, conn *link.Link, token string) error {
	b, err := proto.Marshal(&throngv1.ClientFrame{Envelopes: []*throngv1.ClientEnvelope{{
		Id: pullBit, Request: &throngv1.ClientEnvelope_Authenticate{
			Authenticate: &throngv1.AuthenticateRequest{Token: token, Client: "throng-bench/1"},
		},
	}}})
	if err != nil {
		return err
	}
	if err := conn.Write(b); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close(1000, "") })
	defer stop()
	for {
		b, err := conn.Read()
		if err != nil {
			return err
		}
		var f throngv1.ServerFrame
		if err := proto.Unmarshal(b, &f); err != nil {
			return err
		}
		for _, env := range f.GetEnvelopes() {
			switch r := env.GetResponse(); {
			case r.GetError() != nil:
				return fmt.Errorf("authenticate: %s: %s", r.GetError().GetReason(), r.GetError().GetMessage())
			case r.GetAuthenticate() != nil:
				return nil
			}
		}
	}
}
