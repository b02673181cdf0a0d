package kill_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"

	"google.golang.org/protobuf/proto"

	"github.com/throng-im/throng/client/link"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
	"github.com/throng-im/throng/test/history"
)

// sending is one message of a terminal, over all tries.
type sending struct {
	room   uint64
	key    string
	client [16]byte
	op     *history.Pending
	tries  int
	first  *sending // what this one repeats on purpose; nil for none
	seq    uint64   // 0 while unanswered
	timeMS uint64
}

// terminal is a client without any logic of the SDK: it keeps a few messages on their way and sends what was not
// acknowledged again, in order, on its next connection. Owned by its goroutine.
type terminal struct {
	// immutable after construction
	chapter *chapter
	number  int
	user    uint64
	token   string
	rooms   []uint64
	window  int
	rng     *rand.Rand

	// owned by its goroutine, anybody's once it has ended
	requests uint64
	known    bool // the server has taken the token of this connection
	open     []*sending
	waiting  map[uint64]*sending // by request
	done     []*sending
	streams  []*history.Stream // one per connection
	read     map[uint64]uint64 // acknowledged read positions
	marks    map[uint64]uint64 // by request: the conversation
}

// live talks to the server until the chapter ends and everything is answered.
func (t *terminal) live(ctx context.Context) error {
	for ctx.Err() == nil {
		done, err := t.connection(ctx)
		if done || err != nil {
			return err
		}
	}
	return fmt.Errorf("client %d: %w", t.number, context.Cause(ctx))
}

// connection lives for one connection. Losing it is no error, whatever it met: that is what happens here.
func (t *terminal) connection(ctx context.Context) (done bool, err error) {
	l, err := link.Dial(ctx, link.Config{URL: "http://server", NetDial: t.chapter.server.DialContext, ReadBuffer: 32 << 10})
	if err != nil {
		return false, nil //nolint:nilerr // killed on the way
	}
	stop := context.AfterFunc(ctx, func() { _ = l.Close(1000, "") })
	defer stop()
	defer func() { _ = l.Close(1000, "") }()
	t.waiting, t.marks = make(map[uint64]*sending), make(map[uint64]uint64)
	t.requests, t.known = 1, false
	t.streams = append(t.streams, &history.Stream{
		Device: fmt.Sprintf("client %d, connection %d", t.number, len(t.streams)+1),
		// A bare connection pulls nothing, and its own messages come as answers: holes are the SDK's to close.
		Withheld: func(uint64, uint64) bool { return true },
	})
	hello := &throngv1.ClientEnvelope{Id: 1, Request: &throngv1.ClientEnvelope_Authenticate{
		Authenticate: &throngv1.AuthenticateRequest{Token: t.token, Client: "kill/1"},
	}}
	if t.write(l, []*throngv1.ClientEnvelope{hello}) != nil {
		return false, nil
	}
	for {
		b, err := l.Read()
		if err != nil {
			return false, nil //nolint:nilerr // as above
		}
		var frame throngv1.ServerFrame
		if err := proto.Unmarshal(b, &frame); err != nil {
			return false, fmt.Errorf("client %d got a frame that is none: %w", t.number, err)
		}
		var out []*throngv1.ClientEnvelope
		for _, env := range frame.GetEnvelopes() {
			more, err := t.take(env)
			if err != nil {
				return false, fmt.Errorf("client %d: %w", t.number, err)
			}
			out = append(out, more...)
		}
		if t.chapter.draining.Load() && len(t.open) == 0 {
			return true, nil
		}
		if t.known {
			out = append(out, t.fill()...)
		}
		if len(out) > 0 && t.write(l, out) != nil {
			return false, nil
		}
	}
}

func (t *terminal) write(l *link.Link, envelopes []*throngv1.ClientEnvelope) error {
	b, err := proto.Marshal(&throngv1.ClientFrame{Envelopes: envelopes})
	if err != nil {
		return fmt.Errorf("encoding a frame: %w", err)
	}
	return l.Write(b)
}

var errNotRetryable = errors.New("a refusal that is none of a crash's")

// take handles one envelope and returns what is to be sent because of it.
func (t *terminal) take(env *throngv1.ServerEnvelope) ([]*throngv1.ClientEnvelope, error) {
	switch c := env.GetContent().(type) {
	case *throngv1.ServerEnvelope_Entry:
		t.saw(c.Entry.GetConversation(), c.Entry)
	case *throngv1.ServerEnvelope_Entries:
		for _, e := range c.Entries.GetEntries() {
			t.saw(c.Entries.GetConversation(), e)
		}
	case *throngv1.ServerEnvelope_Response:
		return t.answered(c.Response)
	default:
	}
	return nil, nil
}

func (t *terminal) saw(room uint64, e *throngv1.Entry) {
	s := t.streams[len(t.streams)-1]
	s.Seen = append(s.Seen, history.Seen{Conversation: room, Seq: e.GetSeq(), Key: keyOf(e)})
}

func (t *terminal) answered(r *throngv1.Response) ([]*throngv1.ClientEnvelope, error) {
	if e := r.GetError(); e != nil {
		return nil, fmt.Errorf("%w: %s (%s)", errNotRetryable, e.GetReason(), e.GetMessage())
	}
	if r.GetAuthenticate() != nil { // what was not acknowledged goes first, in its order
		var out []*throngv1.ClientEnvelope
		for _, s := range t.open {
			out = append(out, t.send(s))
		}
		t.known = true
		return out, nil
	}
	if m := r.GetMarkRead(); m != nil {
		room := t.marks[r.GetId()]
		delete(t.marks, r.GetId())
		t.read[room] = max(t.read[room], m.GetReadSeq())
		return nil, nil
	}
	s, ok := t.waiting[r.GetId()]
	if !ok {
		return nil, fmt.Errorf("an answer to request %d, which nobody sent", r.GetId())
	}
	delete(t.waiting, r.GetId())
	a := r.GetSend()
	s.seq, s.timeMS = a.GetSeq(), a.GetTimeMs()
	s.op.OK(func(o *history.Op) { o.Seq = s.seq })
	if s.first != nil && (!a.GetRepeat() || s.seq != s.first.seq || s.timeMS != s.first.timeMS) {
		return nil, fmt.Errorf("I3: %q was answered with seq %d at %d, its repeat with %d at %d (repeat: %v)",
			s.key, s.first.seq, s.first.timeMS, s.seq, s.timeMS, a.GetRepeat())
	}
	for i, o := range t.open {
		if o == s {
			t.open = append(t.open[:i], t.open[i+1:]...)
			break
		}
	}
	t.done = append(t.done, s)
	t.chapter.acked.Add(1)
	if s.tries > 1 {
		t.chapter.retried.Add(1)
		if a.GetRepeat() {
			t.chapter.repeats.Add(1)
		}
	}
	return nil, nil
}

// fill keeps the window full, and now and then marks something as read or repeats what was acknowledged.
func (t *terminal) fill() []*throngv1.ClientEnvelope {
	var out []*throngv1.ClientEnvelope
	for len(t.open) < t.window && !t.chapter.draining.Load() {
		s := t.next()
		t.open = append(t.open, s)
		out = append(out, t.send(s))
		if t.rng.IntN(20) == 0 && s.first == nil && len(t.done) > 0 {
			out = append(out, t.mark(t.done[t.rng.IntN(len(t.done))]))
		}
	}
	return out
}

func (t *terminal) next() *sending {
	s := &sending{}
	if len(t.done) > 0 && t.rng.IntN(30) == 0 {
		first := t.done[t.rng.IntN(len(t.done))]
		if first.first != nil {
			first = first.first
		}
		s.room, s.key, s.client, s.first = first.room, first.key, first.client, first
	} else {
		s.room = t.rooms[t.rng.IntN(len(t.rooms))]
		s.key = "c" + strconv.Itoa(t.number) + "-" + strconv.Itoa(t.chapter.keys(t.number))
		binary.BigEndian.PutUint64(s.client[:], t.rng.Uint64())
		binary.BigEndian.PutUint64(s.client[8:], t.rng.Uint64()|1)
	}
	s.op = t.chapter.history.Invoke(history.Op{Kind: history.Append, Client: t.number, Conversation: s.room, Key: s.key})
	return s
}

func (t *terminal) send(s *sending) *throngv1.ClientEnvelope {
	t.requests++
	s.tries++
	t.waiting[t.requests] = s
	return &throngv1.ClientEnvelope{Id: t.requests, Request: &throngv1.ClientEnvelope_Send{Send: &throngv1.SendRequest{
		Conversation: s.room, ClientId: s.client[:], Body: &throngv1.SendRequest_Text{Text: s.key},
	}}}
}

func (t *terminal) mark(s *sending) *throngv1.ClientEnvelope {
	t.requests++
	t.marks[t.requests] = s.room
	return &throngv1.ClientEnvelope{Id: t.requests, Request: &throngv1.ClientEnvelope_MarkRead{
		MarkRead: &throngv1.MarkReadRequest{Conversation: s.room, Seq: s.seq},
	}}
}

// keyOf names an entry: messages by their text, which is unique.
func keyOf(e *throngv1.Entry) string {
	if t := e.GetText(); t != "" {
		return t
	}
	return fmt.Sprintf("%T", e.GetBody())
}
