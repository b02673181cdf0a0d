package client

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"

	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

const frameRoom = 64 // bytes that a frame and its envelope take around a send

// Ack is the server's word that a message is stored durably, in its final place.
type Ack struct {
	Seq     uint64
	Ordinal uint64
	Time    time.Time
	// Repeat is set where an earlier try had stored it.
	Repeat bool
}

// Sending is a message on its way. Its methods may be called from any goroutine.
type Sending struct {
	// Draft is the message; do not change it.
	Draft Draft

	c    *Client
	done chan struct{}
	// Written before done is closed, read after.
	ack Ack
	err error
	// Guarded by the Client's mu.
	busy bool // on its way: it cannot be taken back
}

// Acked is closed when the message is stored, refused for good or canceled; Wait says which.
func (m *Sending) Acked() <-chan struct{} { return m.done }

// Wait returns the acknowledgement, or why there will be none: an *Error of the server, ErrCanceled or ErrClosed. Giving up with
// ctx does not take the message back.
func (m *Sending) Wait(ctx context.Context) (Ack, error) {
	select {
	case <-m.done:
		return m.ack, m.err
	case <-ctx.Done():
		return Ack{}, ctx.Err()
	}
}

// Cancel takes the message back and reports whether it could: not once it is on its way.
func (m *Sending) Cancel() bool {
	m.c.mu.Lock()
	defer m.c.mu.Unlock()
	if m.busy || m.isDone() {
		return false
	}
	o := &m.c.outbox
	l := o.lanes[m.Draft.Conversation]
	if l == nil {
		return false
	}
	if i := slices.Index(l.items, m); i >= 0 {
		l.items = slices.Delete(l.items, i, i+1)
		o.finish(m, Ack{}, ErrCanceled)
		return true
	}
	return false
}

func (m *Sending) isDone() bool {
	select {
	case <-m.done:
		return true
	default:
		return false
	}
}

// outbox is what is not stored by the server yet. Guarded by the Client's mu, but for store, which storing guards.
type outbox struct {
	store   OutboxStore
	storing sync.Mutex
	max     int
	count   int
	number  uint64
	lanes   map[ConversationID]*lane
	ready   []*lane // lanes that may send, first come first served
	delayed map[*lane]struct{}
	ended   []uuid.UUID // to be deleted from the store
}

func newOutbox(store OutboxStore, bound int) outbox {
	return outbox{store: store, max: bound, lanes: map[ConversationID]*lane{}, delayed: map[*lane]struct{}{}}
}

// load takes what a former process left.
func (o *outbox) load(c *Client) error {
	drafts, err := o.store.Load()
	if err != nil {
		return fmt.Errorf("load the outbox: %w", err)
	}
	slices.SortFunc(drafts, func(a, b Draft) int {
		if a.Number < b.Number {
			return -1
		}
		return 1
	})
	for i := range drafts {
		o.number = max(o.number, drafts[i].Number)
		o.count++
		o.add(&Sending{c: c, Draft: drafts[i], done: make(chan struct{})})
	}
	return nil
}

// Send puts a message into the outbox and returns a handle. It returns an error only where the outbox cannot take it. The message
// is sent when the client is online, after those sent before it to the same conversation.
func (c *Client) Send(ctx context.Context, conv ConversationID, body Body) (*Sending, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return nil, err
	}
	m := &Sending{c: c, done: make(chan struct{})}
	m.Draft = Draft{Conversation: conv, ClientID: id, CreatedMS: time.Now().UnixMilli(), Body: body}
	o := &c.outbox
	o.storing.Lock() // the order of numbers is the order in the lanes
	defer o.storing.Unlock()
	c.mu.Lock()
	switch {
	case c.state.Phase == Closed || c.life.Err() != nil:
		c.mu.Unlock()
		return nil, ErrClosed
	case o.count >= o.max:
		c.mu.Unlock()
		return nil, ErrOutboxFull
	}
	o.count++
	o.number++
	m.Draft.Number = o.number
	c.mu.Unlock()
	if err := o.store.Put(m.Draft); err != nil {
		c.locked(func() { o.count-- })
		return nil, fmt.Errorf("keep the message: %w", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state.Phase == Closed {
		return nil, ErrClosed
	}
	o.add(m)
	if c.session != nil {
		c.pump(c.session)
	}
	return m, nil
}

// Unsent returns what is in the outbox, in the order of sending.
func (c *Client) Unsent() []*Sending {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := make([]*Sending, 0, c.outbox.count)
	for _, l := range c.outbox.lanes {
		out = append(out, l.items...)
	}
	slices.SortFunc(out, func(a, b *Sending) int {
		if a.Draft.Number < b.Draft.Number {
			return -1
		}
		return 1
	})
	return out
}

// pump sends as much as the server takes at once.
func (c *Client) pump(s *session) {
	o := &c.outbox
	if !s.online || s.over {
		return
	}
	limit := max(s.inFlight-reservedInFlight, 1)
	for len(o.ready) > 0 && s.sending < limit {
		l := o.ready[0]
		o.ready[0] = nil
		if o.ready = o.ready[1:]; len(o.ready) == 0 {
			o.ready = nil
		}
		l.queued = false
		if len(l.items) > 0 && !l.busy {
			c.sendFirst(s, l)
		}
	}
}

func (c *Client) sendFirst(s *session, l *lane) {
	m := l.items[0]
	req := m.Draft.Body.request(m.Draft.Conversation, m.Draft.ClientID)
	if size := proto.Size(req); size+frameRoom > s.frame {
		c.sent(l, m, nil, &Error{
			Code: throngv1.Code_CODE_TOO_LARGE, Reason: "message_too_large",
			Message: fmt.Sprintf("The message has %d bytes; the server takes %d.", size, s.frame),
		})
		return
	}
	l.busy, m.busy = true, true
	s.sending++
	s.post(&throngv1.ClientEnvelope{Request: &throngv1.ClientEnvelope_Send{Send: req}},
		func(r *throngv1.Response, err error) {
			s.sending--
			l.busy, m.busy = false, false
			c.sent(l, m, r.GetSend(), err)
		})
}

// sent draws the conclusion of an answer: done, refused, or again later.
func (c *Client) sent(l *lane, m *Sending, r *throngv1.SendResponse, err error) {
	o := &c.outbox
	var e *Error
	switch {
	case errors.Is(err, errLinkLost): // restart offers it to the next connection
		return
	case errors.As(err, &e) && (e.Retryable() || e.Code == throngv1.Code_CODE_UNAUTHENTICATED):
		c.postpone(l, m, e)
		return
	}
	l.items[0] = nil
	l.items = l.items[1:]
	l.tries = 0
	if len(l.items) == 0 {
		delete(o.lanes, m.Draft.Conversation)
	}
	o.offer(l)
	if err != nil {
		o.finish(m, Ack{}, err)
		c.events.push(SendFailed{Draft: m.Draft, Err: err})
		return
	}
	ack := Ack{Seq: r.GetSeq(), Ordinal: r.GetOrdinal(), Time: fromMS(r.GetTimeMs()), Repeat: r.GetRepeat()}
	o.finish(m, ack, nil)
	c.events.push(Sent{Draft: m.Draft, Ack: ack})
	if m.Draft.Body.decided() {
		c.hinted(m.Draft.Conversation, ack.Seq, ack.Ordinal, throngv1.Tier_TIER_UNSPECIFIED) // the log knows more of it than was sent
		return
	}
	c.arrived(m.Draft.Conversation, m.Draft.entry(c.me, ack))
}

func (o *outbox) finish(m *Sending, ack Ack, err error) {
	m.ack, m.err = ack, err
	close(m.done)
	o.count--
	if _, nothing := o.store.(memoryOutbox); !nothing {
		o.ended = append(o.ended, m.Draft.ClientID)
		m.c.wake() // whose loop deletes it
	}
}

// forget deletes from the store what has ended. It runs without the Client's mu, because the store may wait for a disk.
func (c *Client) forget() {
	o := &c.outbox
	c.mu.Lock()
	ended := o.ended
	o.ended = nil
	c.mu.Unlock()
	if len(ended) == 0 {
		return
	}
	o.storing.Lock()
	defer o.storing.Unlock()
	for _, id := range ended {
		if err := o.store.Delete(id); err != nil {
			c.opts.Log.Error("delete from the outbox", "error", err)
		}
	}
}

// failAll ends what waits without forgetting it: the store keeps it for the next process.
func (o *outbox) failAll(err error) {
	for _, l := range o.lanes {
		for _, m := range l.items {
			m.err = err
			close(m.done)
		}
	}
	clear(o.lanes)
	o.ready, o.count = nil, 0
}
