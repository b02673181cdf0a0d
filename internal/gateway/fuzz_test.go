package gateway_test

import (
	"bytes"
	"errors"
	"testing"
	"unicode/utf8"

	"github.com/gobwas/ws"
	"google.golang.org/protobuf/proto"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/cluster"
	"github.com/throng-im/throng/internal/gateway"
	"github.com/throng-im/throng/internal/wire"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// FuzzFraming: any bytes, in any pieces, never panic, hold no more than arrived (times two, and a small buffer), and give the
// same messages and the same end however they are cut; what is accepted is what a second reader (gobwas/ws) accepts.
func FuzzFraming(f *testing.F) {
	f.Add(maskedFrame([]byte("hello")), uint8(3), false)
	f.Add(append(head(0x02, 1), append([]byte{1}, append(head(0x80, 1), 2)...)...), uint8(1), false)
	f.Add(append(head(0x81, 2), 0xC3, 0x28), uint8(1), true)
	f.Add(head(0x82, 127, long(1<<40)...), uint8(1), false)
	f.Add([]byte{0x82, 0x01, 0x00}, uint8(1), false)
	f.Fuzz(func(t *testing.T, stream []byte, cut uint8, text bool) {
		const limit = 4_096
		whole, code, largest := gateway.Framing(text, limit, [][]byte{bytes.Clone(stream)})
		if largest > 2*len(stream)+3*limit+4_096 {
			t.Fatalf("%d bytes held for %d", largest, len(stream))
		}
		var pieces [][]byte
		for rest := bytes.Clone(stream); len(rest) > 0; {
			n := min(int(cut)+1, len(rest))
			pieces = append(pieces, rest[:n])
			rest = rest[n:]
		}
		parts, code2, _ := gateway.Framing(text, limit, pieces)
		if code != code2 || len(whole) != len(parts) {
			t.Fatalf("whole: %d messages, %d; in pieces: %d messages, %d", len(whole), code, len(parts), code2)
		}
		for i := range whole {
			if !bytes.Equal(whole[i], parts[i]) {
				t.Fatalf("message %d differs in pieces", i)
			}
			if text && !utf8.Valid(whole[i]) {
				t.Fatalf("message %d is not UTF-8", i)
			}
		}
		second(t, stream, whole)
	})
}

// second reads the stream with the library and compares the messages that both accept.
func second(t *testing.T, stream []byte, messages [][]byte) {
	t.Helper()
	r := bytes.NewReader(bytes.Clone(stream))
	state := ws.StateServerSide
	var message []byte
	for i := 0; i < len(messages); {
		f, err := readFrame(r)
		if err != nil {
			t.Fatalf("the library ends before message %d: %v", i, err)
		}
		if err := ws.CheckHeader(f.Header, state); err != nil {
			t.Fatalf("the library refuses what was accepted: %v", err)
		}
		f = ws.UnmaskFrame(f)
		if f.Header.OpCode.IsControl() {
			continue
		}
		message = append(message, f.Payload...)
		if !f.Header.Fin {
			state = state.Set(ws.StateFragmented)
			continue
		}
		state = state.Clear(ws.StateFragmented)
		if !bytes.Equal(message, messages[i]) {
			t.Fatalf("message %d is %q, the library says %q", i, messages[i], message)
		}
		message = nil
		i++
	}
}

// FuzzSession turns bytes into what may happen to a session, in any order, and holds the session's promises against it: no
// panic, bounded state, answers to what was asked and no more, deliveries in order and only to an open session.
func FuzzSession(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11})
	f.Add([]byte{0, 20, 40, 3, 3, 3, 103, 63, 4, 4, 5, 7, 7, 7, 9})
	f.Add(bytes.Repeat([]byte{0, 20, 40, 8, 28, 48, 68}, 40))
	f.Fuzz(func(t *testing.T, script []byte) {
		cfg := gateway.Default()
		cfg.Outbound, cfg.OutboundHard, cfg.InFlight = 4_096, 16_384, 8
		m := &model{t: t, s: gateway.NewSession(&cfg, wire.Proto, nil, 0), cfg: &cfg, asked: make(map[uint64]int)}
		for _, b := range script {
			m.step(b)
		}
		m.flush()
	})
}

// model drives a session and knows what it may do.
type model struct {
	t     *testing.T
	s     *gateway.Session
	cfg   *gateway.Config
	now   int64
	id    uint64
	seq   chat.Seq
	asked map[uint64]int // answers that are owed, by request
	calls []gateway.Call
	open  bool
	last  uint64 // seq delivered last
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
		m.ask(&throngv1.ClientEnvelope{}) // not known
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
		m.s.Deliver(m.now, gateway.NewParcel(d))
	case 13:
		m.s.Deliver(m.now, gateway.NewParcel(&cluster.Delivery{Kind: cluster.DeliverSync}))
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
	}
	m.calls = append(m.calls, m.s.Calls()...)
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
	switch c.Kind {
	case gateway.CallAuthenticate:
		m.s.Authenticated(m.now, 1, c.ID, accountOf(1, 10), err)
	case gateway.CallSubscribe:
		m.s.Subscribed(m.now, 1, 1, err)
	case gateway.CallSend:
		m.s.Sent(c.ID, chat.Result{Seq: 1, Err: chat.AsError(err)})
	case gateway.CallRequest:
		piece, _ := wire.AppendEnvelope(wire.Proto, nil, &throngv1.ServerEnvelope{
			Content: &throngv1.ServerEnvelope_Response{Response: &throngv1.Response{Id: c.ID}},
		})
		m.s.Answered(c.ID, piece, err)
	}
}

// flush reads what the session wrote and checks it.
func (m *model) flush() {
	frame := m.s.Outbox().Take()
	if frame == nil {
		return
	}
	var f throngv1.ServerFrame
	if err := proto.Unmarshal(frame[10:], &f); err != nil {
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
	m.s.Outbox().PutBack(frame)
}
