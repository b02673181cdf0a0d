package session_test

import (
	"bytes"
	"errors"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/cluster"
	"github.com/throng-im/throng/internal/session"
	"github.com/throng-im/throng/internal/wire"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// FuzzSession turns bytes into what may happen to a session, in any order, and holds the session's promises against it: no
// panic, bounded state, answers to what was asked and no more, deliveries in order and only to an open session.
func FuzzSession(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11})
	f.Add([]byte{0, 20, 40, 3, 3, 3, 103, 63, 4, 4, 5, 7, 7, 7, 9})
	f.Add(bytes.Repeat([]byte{0, 20, 40, 8, 28, 48, 68}, 40))
	f.Fuzz(func(t *testing.T, script []byte) {
		cfg := session.Default()
		cfg.Outbound, cfg.OutboundHard, cfg.InFlight = 4_096, 16_384, 8
		m := &model{t: t, s: session.New(session.NewEnv(&cfg, nil, 0), wire.Proto, 0), cfg: &cfg, asked: make(map[uint64]int)}
		for _, b := range script {
			m.step(b)
		}
		m.flush()
	})
}

// model drives a session and knows what it may do.
type model struct {
	t     *testing.T
	s     *session.Session
	cfg   *session.Config
	now   int64
	id    uint64
	seq   chat.Seq
	asked map[uint64]int // answers that are owed, by request
	calls []session.Call
	open  bool
	last  uint64 // seq delivered last
	busy  bool   // the transport has not taken everything
}

// share gives the session content that was made for everybody, and writes it where nothing waits.
func (m *model) share(r session.Shared) {
	if m.s.Share(r) {
		if m.busy {
			m.t.Fatal("content overtakes what the transport holds")
		}
		m.read(r.Piece(wire.Proto))
	}
}

func (m *model) ask(env *throngv1.ClientEnvelope) {
	m.id++
	env.Id = m.id
	m.asked[m.id]++
	m.s.Handle(m.now, env)
}

func (m *model) step(b byte) {
	arg := int(b / 20)
	switch b % 20 {
	case 0:
		m.ask(authenticate("1:10"))
	case 1:
		m.ask(text(0, 5, "hello"))
	case 2:
		m.ask(&throngv1.ClientEnvelope{Request: &throngv1.ClientEnvelope_Sync{Sync: &throngv1.SyncRequest{}}})
	case 3:
		m.ask(&throngv1.ClientEnvelope{Request: &throngv1.ClientEnvelope_ListEntries{ListEntries: &throngv1.ListEntriesRequest{}}})
	case 4:
		if arg%2 == 0 {
			m.ask(&throngv1.ClientEnvelope{}) // not known
			break
		}
		m.ask(&throngv1.ClientEnvelope{Request: &throngv1.ClientEnvelope_Focus{Focus: &throngv1.FocusRequest{Conversations: make([]uint64, arg/6)}}})
	case 5:
		m.s.Handle(m.now, &throngv1.ClientEnvelope{Request: &throngv1.ClientEnvelope_Received{Received: &throngv1.ReceivedRequest{
			Positions: []*throngv1.Position{{Conversation: 5, Seq: uint64(m.seq) - uint64(min(arg, int(m.seq)))}},
		}}})
	case 6, 7, 8:
		m.reply(nil)
	case 9:
		m.reply(errors.New("it broke"))
	case 10, 11, 12:
		m.seq++
		d := entry(5, m.seq, 3, string(make([]byte, 200*arg)), 1)
		m.s.Deliver(m.now, session.NewParcel(d))
	case 13:
		m.s.Deliver(m.now, session.NewParcel(&cluster.Delivery{Kind: cluster.DeliverSync}))
	case 14:
		m.flush()
	case 15:
		m.now += int64(arg) * 5_000
		m.s.Tick(m.now)
	case 16:
		m.s.Drained()
	case 17:
		if arg == 12 {
			m.s.Drain(1)
		}
	case 18:
		m.seq++
		d := entry(5, m.seq, 3, string(make([]byte, 200*arg)), 1)
		m.share(once{piece: wire.EncodeEntry(wire.Proto, d.Entry, false), head: d.Head})
	case 19:
		if m.busy = m.open; m.busy { // the transport takes no more for now
			m.s.Outbox().Hold(100)
		}
	}
	for _, c := range m.s.Calls() {
		if c.Kind != session.CallTyping && c.Kind != session.CallReceived { // nothing comes back of these
			m.calls = append(m.calls, c)
		}
	}
	m.s.Rest()
	if n := m.s.Outbox().Len(); n > m.cfg.OutboundHard+2*m.cfg.Outbound {
		m.t.Fatalf("%d bytes wait", n)
	}
	if len(m.calls) > m.cfg.InFlight+2 {
		m.t.Fatalf("%d calls are under way", len(m.calls))
	}
}

// reply answers the oldest call.
func (m *model) reply(err error) {
	if len(m.calls) == 0 {
		return
	}
	c := m.calls[0]
	m.calls = m.calls[1:]
	switch c.Kind { //nolint:exhaustive // nothing comes back of the others
	case session.CallAuthenticate:
		m.s.Authenticated(m.now, 1, c.ID, accountOf(1, 10), err)
	case session.CallSubscribe:
		m.s.Subscribed(m.now, 1, 1, err)
	case session.CallSend:
		m.s.Sent(c.ID, chat.Result{Seq: 1, Err: chat.AsError(err)})
	case session.CallRequest:
		piece, _ := wire.AppendEnvelope(wire.Proto, nil, &throngv1.ServerEnvelope{
			Content: &throngv1.ServerEnvelope_Response{Response: &throngv1.Response{Id: c.ID}},
		})
		m.s.Answered(c.ID, piece, err)
	}
}

// flush reads what the session wrote and checks it.
func (m *model) flush() {
	if m.busy {
		m.busy = false
		m.s.Outbox().Hold(0)
	}
	if frame, buf := m.s.Outbox().Take(); frame != nil {
		m.read(payload(frame))
		m.s.Outbox().PutBack(buf)
	}
	for r := m.s.Outbox().TakeShared(); r != nil; r = m.s.Outbox().TakeShared() {
		m.read(r.Piece(wire.Proto))
	}
}

// read checks what was written.
func (m *model) read(payload []byte) {
	var f throngv1.ServerFrame
	if err := proto.Unmarshal(payload, &f); err != nil {
		m.t.Fatal(err)
	}
	for _, e := range f.GetEnvelopes() {
		switch {
		case e.GetResponse() != nil:
			id := e.GetResponse().GetId()
			if m.asked[id]--; id != 0 && m.asked[id] < 0 {
				m.t.Fatalf("request %d was answered again", id)
			}
			m.open = m.open || e.GetResponse().GetAuthenticate() != nil
		case e.GetEntry() != nil:
			if seq := e.GetEntry().GetSeq(); !m.open || seq <= m.last {
				m.t.Fatalf("entry %d after %d, open %v", seq, m.last, m.open)
			}
			m.last = e.GetEntry().GetSeq()
		}
	}
}
