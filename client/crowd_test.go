package client_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/throng-im/throng/client"
	"github.com/throng-im/throng/client/clienttest"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// DLV-14, DLV-22: a chunk is told entry by entry, in order; who sent gets its own message once, whether the chunk or the
// acknowledgement comes first (DLV-5), and batching is told while it holds.
func TestChunks(t *testing.T) {
	t.Parallel()
	for _, ackFirst := range []bool{true, false} {
		var late []func()
		x := &tally{}
		prepare := func(s *clienttest.Server) {
			large(x)(s)
			s.OnAnswer = func(ss *clienttest.Session, env *throngv1.ServerEnvelope) clienttest.Verdict {
				if a := env.GetResponse().GetSend(); a != nil && !ackFirst {
					late = append(late, func() {
						ss.Push(&throngv1.ServerEnvelope{Content: &throngv1.ServerEnvelope_Response{Response: env.GetResponse()}})
					})
					return clienttest.Drop
				}
				return clienttest.Pass
			}
		}
		bubble(t, prepare, client.Options{}, func(w *world) {
			w.connect()
			w.focus(square)
			w.srv.Batch(square, time.Second, 4*time.Second)
			w.pass(0)
			v, _ := w.c.Conversation(square)
			if v.Batching != time.Second || v.SendWait != 4*time.Second {
				t.Errorf("conversation %+v", v)
			}
			for range 4 {
				w.srv.Append(square, maja, "hello")
			}
			m, err := w.c.Send(w.t.Context(), square, client.Text("mine"))
			if err != nil {
				t.Fatal(err)
			}
			w.pass(500 * time.Millisecond)
			w.wantTold(square, span(1, 1)) // they wait for others
			w.pass(600 * time.Millisecond)
			w.wantTold(square, span(1, 6))
			for _, answer := range late {
				answer()
			}
			if a := w.acked(m); a.Seq != 6 {
				t.Errorf("ack %+v", a)
			}
			for range 25 { // two full ones, and one that waits
				w.srv.Append(square, maja, "hello")
			}
			w.pass(0)
			w.wantTold(square, span(1, 26))
			w.srv.Batch(square, 0, 0)
			w.pass(0)
			w.wantTold(square, span(1, 31))
			want := []client.Batching{{Conversation: square, Interval: time.Second, SendWait: 4 * time.Second}, {Conversation: square}}
			if got := eventsOf[client.Batching](w); !slices.Equal(got, want) {
				t.Errorf("batching %+v, want %+v", got, want)
			}
			if p := eventsOf[client.ProfilesLearned](w); len(p) != 1 || len(p[0].Profiles) != 2 || p[0].Profiles[0].GetName() != "user 20" || len(x.pages) != 0 {
				t.Errorf("profiles %+v, %d pages", p, len(x.pages))
			}
		})
	}
}

// DLV-14, DLV-16: a chunk that was lost is pulled before the next is told; one that comes twice, or overlaps, is told once.
func TestChunksOnABadLink(t *testing.T) {
	t.Parallel()
	n := 0
	x := &tally{}
	prepare := func(s *clienttest.Server) {
		large(x)(s)
		s.OnPush = func(ss *clienttest.Session, env *throngv1.ServerEnvelope) clienttest.Verdict {
			if env.GetEntries() == nil {
				return clienttest.Pass
			}
			switch n++; n {
			case 1:
				return clienttest.Drop
			case 2:
				return clienttest.Twice
			case 3:
				over := proto.CloneOf(env)
				over.GetEntries().Entries = over.GetEntries().GetEntries()[3:7]
				ss.Push(over) // the fourth, in part what follows
			}
			return clienttest.Pass
		}
	}
	bubble(t, prepare, client.Options{}, func(w *world) {
		w.connect()
		w.focus(square)
		w.srv.Batch(square, time.Second, 0)
		w.said(40)
		w.wantTold(square, span(1, 41))
		if n < 4 || len(x.pages) == 0 || len(x.pages) > 2 {
			t.Errorf("%d chunks, %d pages", n, len(x.pages))
		}
	})
}

// DLV-14, S-33: the focus moves on while a chunk is on its way, and comes back.
func TestFocusMovesUnderAChunk(t *testing.T) {
	t.Parallel()
	x := &tally{}
	var held []func()
	hold := false
	prepare := func(s *clienttest.Server) {
		large(x)(s)
		s.OnPush = func(ss *clienttest.Session, env *throngv1.ServerEnvelope) clienttest.Verdict {
			if env.GetEntries() == nil || !hold {
				return clienttest.Pass
			}
			held = append(held, func() { ss.Push(env) })
			return clienttest.Drop
		}
	}
	bubble(t, prepare, client.Options{}, func(w *world) {
		w.connect()
		w.focus(square)
		w.srv.Batch(square, time.Second, 0)
		hold = true
		w.said(20)
		w.focus(chat)
		w.said(5) // a hint overtakes the chunks
		hold = false
		held[1]() // behind a gap: dropped
		w.pass(time.Second)
		w.wantTold(square, span(1, 1))
		held[0]() // in order: told, though nobody looks
		w.pass(time.Second)
		w.wantTold(square, span(1, 11))
		if len(x.pages) != 0 {
			t.Errorf("%d pages for what nobody looks at", len(x.pages))
		}
		if v, _ := w.c.Conversation(square); v.Unread != 25 || v.Batching != 0 {
			t.Errorf("conversation %+v", v)
		}
		w.focus(square)
		held[0]()
		w.pass(time.Second)
		w.wantTold(square, span(1, 26))
		if v, _ := w.c.Conversation(square); v.Batching != time.Second {
			t.Errorf("batching %v of what is open again", v.Batching)
		}
	})
}

// DLV-22: what the server knows of the focus decides whose batching stands, not what the application changed meanwhile.
func TestBatchingFollowsTheServersFocus(t *testing.T) {
	t.Parallel()
	var late []func()
	slow := false
	prepare := func(s *clienttest.Server) {
		large(&tally{})(s)
		s.OnAnswer = func(ss *clienttest.Session, env *throngv1.ServerEnvelope) clienttest.Verdict {
			if env.GetResponse().GetFocus() == nil || !slow {
				return clienttest.Pass
			}
			late = append(late, func() {
				ss.Push(&throngv1.ServerEnvelope{Content: &throngv1.ServerEnvelope_Response{Response: env.GetResponse()}})
			})
			return clienttest.Drop
		}
	}
	bubble(t, prepare, client.Options{}, func(w *world) {
		w.connect()
		w.srv.Batch(square, time.Second, 0)
		w.focus(square)
		w.pass(0)
		slow = true
		for _, ids := range [][]client.ConversationID{{square}, {}, {square}} { // the second is never told
			go func() { _ = w.c.Focus(w.t.Context(), ids...) }() // ends with the answer
			w.pass(time.Millisecond)
		}
		slow = false
		late[0]()
		w.pass(time.Second)
		if v, _ := w.c.Conversation(square); v.Batching != time.Second {
			t.Errorf("batching %v: it was cleared, and nobody tells it again", v.Batching)
		}
		w.focus()
		for _, s := range w.srv.Sessions(lin) { // on its way while the focus was taken back
			s.Push(&throngv1.ServerEnvelope{Content: &throngv1.ServerEnvelope_Batching{
				Batching: &throngv1.Batching{Conversation: square, IntervalMs: 1_000},
			}})
		}
		w.pass(time.Second)
		if v, _ := w.c.Conversation(square); v.Batching != 0 {
			t.Errorf("batching %v of what is not open", v.Batching)
		}
	})
}

// DLV-24: a conversation that grows and shrinks under traffic, by an administrator's word or by its size, loses and repeats nothing.
func TestTiersSwitch(t *testing.T) {
	t.Parallel()
	bySize := func() *throngv1.Entry {
		return &throngv1.Entry{Body: &throngv1.Entry_MembersChanged{MembersChanged: &throngv1.MembersChanged{
			Action: throngv1.MembersChanged_ACTION_JOINED, Count: 1, Users: []uint64{77},
		}}}
	}
	bySetting := func() *throngv1.Entry { return nil }
	for name, entry := range map[string]func() *throngv1.Entry{"by size": bySize, "by setting": bySetting} {
		for _, focused := range []bool{true, false} {
			x := &tally{}
			bubble(t, large(x), client.Options{}, func(w *world) {
				w.connect()
				if focused {
					w.focus(square)
				}
				for _, tier := range []throngv1.Tier{
					throngv1.Tier_TIER_SMALL, throngv1.Tier_TIER_LARGE, throngv1.Tier_TIER_MEDIUM, throngv1.Tier_TIER_LARGE,
					throngv1.Tier_TIER_SMALL,
				} {
					for range 7 {
						w.srv.Append(square, maja, "hello")
					}
					w.srv.Switch(square, tier, entry())
					w.said(7)
					v, _ := w.c.Conversation(square)
					behind := v.Delivered < v.Head
					if lazy := tier == throngv1.Tier_TIER_LARGE && !focused; behind != lazy {
						t.Errorf("%s, focused %v, %v: told up to %d of %d", name, focused, tier, v.Delivered, v.Head)
					}
				}
				w.pass(time.Minute) // a heartbeat that tells of the last switch, and the acknowledgement
				w.wantTold(square, span(1, 76))
				if got := w.srv.Sessions(lin)[0].Received(square); got != 76 {
					t.Errorf("%s, focused %v: acknowledged up to %d: the server takes the connection for dead", name, focused, got)
				}
				if focused && len(x.pages) != 0 {
					t.Errorf("%s: %d pages though all came", name, len(x.pages))
				}
			})
		}
	}
}

// DLV-24: the head of a digest may be older than what deliveries told, and so may its tier.
func TestDigestOfAFormerTier(t *testing.T) {
	t.Parallel()
	prepare := func(s *clienttest.Server) {
		large(&tally{})(s)
		s.OnRequest = func(ss *clienttest.Session, env *throngv1.ClientEnvelope) bool {
			if env.GetHeartbeat() == nil {
				return false
			}
			ss.Answer(env.GetId(), &throngv1.Response{Result: &throngv1.Response_Heartbeat{Heartbeat: &throngv1.HeartbeatResponse{
				Heads: []*throngv1.Head{{Conversation: square, Seq: 1, Tier: throngv1.Tier_TIER_LARGE}},
			}}})
			return true
		}
	}
	bubble(t, prepare, client.Options{}, func(w *world) {
		w.connect()
		w.srv.Switch(square, throngv1.Tier_TIER_MEDIUM, nil)
		w.srv.Append(square, maja, "hello")
		w.pass(time.Minute)
		if v, _ := w.c.Conversation(square); v.Tier != throngv1.Tier_TIER_MEDIUM {
			t.Errorf("tier %v", v.Tier)
		}
	})
}

// DLV-2, S-34: who is removed from what is open is told of that and of nothing behind it; who comes back goes on.
func TestRemovedWhileFocused(t *testing.T) {
	t.Parallel()
	for _, batched := range []bool{false, true} {
		bubble(t, large(&tally{}), client.Options{}, func(w *world) {
			w.connect()
			w.focus(square)
			if batched {
				w.srv.Batch(square, time.Second, 0)
			}
			w.srv.Append(square, maja, "hello")
			w.srv.Remove(square, lin)
			w.said(3)
			w.wantTold(square, span(1, 3))
			if v, _ := w.c.Conversation(square); v.Role != throngv1.Role_ROLE_UNSPECIFIED || v.Head != 3 {
				t.Errorf("conversation %+v after the removal", v)
			}
			w.srv.Cut()
			w.said(1)
			w.pass(time.Minute)
			w.focus(square, chat)
			w.wantTold(square, span(1, 3))
			w.srv.Add(square, lin)
			w.said(2)
			w.wantTold(square, append(span(1, 3), span(8, 10)...))
			if holes := eventsOf[client.Hole](w); len(holes) != 0 {
				t.Errorf("holes %+v", holes)
			}
		})
	}
}

// A removal that nobody looks at comes with a sync.
func TestRemovedWhileNotFocused(t *testing.T) {
	t.Parallel()
	x := &tally{}
	bubble(t, large(x), client.Options{}, func(w *world) {
		w.connect()
		w.said(3)
		w.srv.Remove(square, lin)
		w.said(3)
		v, _ := w.c.Conversation(square)
		if v.Role != throngv1.Role_ROLE_UNSPECIFIED || v.Head != 5 || len(x.pages) != 0 || w.c.TotalUnread() != 0 {
			t.Errorf("conversation %+v, %d pages, total %d", v, len(x.pages), w.c.TotalUnread())
		}
		w.focus(square)
		w.pass(time.Second)
		w.wantTold(square, span(1, 5))
	})
}

// DLV-23: what the server leaves out is told, and forgotten with the connection; while content comes as hints, only what is open is
// pulled, and the rest when it is over.
func TestDegraded(t *testing.T) {
	t.Parallel()
	x := &tally{}
	prepare := func(s *clienttest.Server) {
		large(x)(s)
		s.SetTier(square, throngv1.Tier_TIER_MEDIUM)
	}
	bubble(t, prepare, client.Options{}, func(w *world) {
		w.connect()
		worst := &throngv1.Degraded{
			Level: 4, TypingOff: true, PresenceCounts: true, ReceiptsOff: true, ContentAsHints: true,
		}
		want := client.Degraded{Level: 4, TypingOff: true, PresenceCounts: true, ReceiptsOff: true, ContentAsHints: true}
		w.srv.Degrade(&throngv1.Degraded{Level: 1, TypingOff: true})
		w.pass(0)
		w.srv.Degrade(worst)
		w.said(5)
		w.wantTold(square, span(1, 1))
		if v, _ := w.c.Conversation(square); len(x.pages) != 0 || v.Unread != 5 || w.c.Degraded() != want {
			t.Errorf("%d pages, conversation %+v, degraded %+v", len(x.pages), v, w.c.Degraded())
		}
		w.focus(square)
		w.said(5)
		w.wantTold(square, span(1, 11))
		w.acked(w.send("still stored"))
		w.focus()
		w.said(5)
		w.wantTold(square, span(1, 11))
		w.srv.Cut()
		w.pass(0)
		w.pass(time.Minute) // the new connection is told again
		if w.c.Degraded() != want {
			t.Errorf("degraded %+v on the new connection", w.c.Degraded())
		}
		w.srv.Degrade(&throngv1.Degraded{})
		w.pass(time.Second)
		w.wantTold(square, span(1, 16))
		told := []client.Degraded{{Level: 1, TypingOff: true}, want, {}, want, {}}
		if got := eventsOf[client.Degraded](w); !slices.Equal(got, told) {
			t.Errorf("told %+v, want %+v", got, told)
		}
	})
}

// DLV-23: a pull that waits when the server begins to tell content as hints is given up.
func TestDegradedUnderAPull(t *testing.T) {
	t.Parallel()
	x := &tally{}
	prepare := func(s *clienttest.Server) {
		large(x)(s)
		s.SetTier(square, throngv1.Tier_TIER_MEDIUM)
		s.OnRequest = func(ss *clienttest.Session, env *throngv1.ClientEnvelope) bool {
			if x.count(ss, env); env.GetListEntries() != nil && len(x.pages) == 1 {
				ss.Refuse(env.GetId(), throngv1.Code_CODE_UNAVAILABLE, "overloaded", 5_000)
				return true
			}
			return false
		}
	}
	bubble(t, prepare, client.Options{}, func(w *world) {
		w.connect()
		w.srv.AppendQuietly(square, maja, "lost")
		w.said(1)
		w.srv.Degrade(&throngv1.Degraded{Level: 4, ContentAsHints: true})
		w.pass(10 * time.Second)
		if v, _ := w.c.Conversation(square); len(x.pages) != 1 || v.Unread != 2 || len(eventsOf[client.Behind](w)) != 1 {
			t.Errorf("%d pages, conversation %+v", len(x.pages), v)
		}
		w.srv.Degrade(&throngv1.Degraded{})
		w.pass(time.Second)
		w.wantTold(square, span(1, 3))
	})
}

// DLV-25: whoever takes no events holds what is bounded: how things stand is kept once, and entries are pulled later.
func TestNobodyTakesEvents(t *testing.T) {
	t.Parallel()
	bubble(t, large(&tally{}), client.Options{MaxEvents: 8}, func(w *world) {
		w.connect()
		w.focus()
		quiet := func(n int) {
			for range n {
				w.srv.Append(square, maja, "hello")
				<-time.After(time.Second)
			}
		}
		quiet(500)
		w.pass(0)
		if n := len(eventsOf[client.Behind](w)); n != 1 {
			t.Errorf("%d times behind, want the newest alone", n)
		}
		w.focus(square)
		for i := range 60 { // a page behind, taken in small bites
			w.pass(time.Duration(i) * time.Millisecond)
		}
		w.events = nil
		for i := range uint64(100) {
			w.srv.Batch(square, time.Second, time.Duration(i%2)*time.Second)
			w.srv.Degrade(&throngv1.Degraded{Level: uint32(i % 3)})
			w.srv.Append(square, 1_000+i, "from one more")
			<-time.After(time.Second)
		}
		w.drain()
		if n := len(w.events); n > 16 {
			t.Errorf("%d events were kept: %T", n, w.events)
		}
		for i := range 100 {
			w.pass(time.Duration(i) * time.Millisecond)
		}
		if got := w.seqs[square]; got[len(got)-1] != 601 || !slices.IsSorted(got) {
			t.Errorf("told %v", got)
		}
	})
}

// A server that knows no focus serves everybody; a gap is pulled then, whoever looks.
func TestServerWithoutFocus(t *testing.T) {
	t.Parallel()
	x := &tally{}
	prepare := func(s *clienttest.Server) {
		large(x)(s)
		s.OnRequest = func(ss *clienttest.Session, env *throngv1.ClientEnvelope) bool {
			if env.GetFocus() != nil {
				ss.Refuse(env.GetId(), throngv1.Code_CODE_UNSUPPORTED, "unsupported", 0)
				return true
			}
			return x.count(ss, env)
		}
	}
	bubble(t, prepare, client.Options{}, func(w *world) {
		w.connect()
		serve := func(lose int) {
			for i := range 5 {
				e := w.srv.AppendQuietly(square, maja, "hello")
				for _, s := range w.srv.Sessions(lin) {
					if i != lose {
						s.Push(&throngv1.ServerEnvelope{Content: &throngv1.ServerEnvelope_Entry{Entry: e}})
					}
				}
			}
			w.pass(time.Second)
		}
		serve(2)
		w.wantTold(square, span(1, 6))
		w.focus(square)
		serve(3)
		w.wantTold(square, span(1, 11))
		w.srv.Cut()
		w.srv.AppendQuietly(square, maja, "while away")
		w.pass(time.Minute)
		w.wantTold(square, span(1, 12))
	})
}

// DLV-18, DLV-19: what arrived in small conversations is acknowledged within seconds, and again where the server asks by a hint; of
// larger ones nothing is.
func TestReceived(t *testing.T) {
	t.Parallel()
	bubble(t, large(&tally{}), client.Options{}, func(w *world) {
		w.connect()
		w.focus(square)
		w.pass(10 * time.Second)
		s := w.srv.Sessions(lin)[0]
		w.srv.Append(chat, maja, "two")
		w.srv.Append(square, maja, "two")
		w.srv.AppendQuietly(chat, maja, "three, lost")
		w.srv.Deliver(chat, w.srv.AppendQuietly(chat, maja, "four, behind a gap"), nil)
		if w.pass(time.Second); s.Received(chat) > 1 {
			t.Errorf("acknowledged %d at once", s.Received(chat))
		}
		w.pass(6 * time.Second)
		if s.Received(chat) != 4 || s.Received(square) != 0 {
			t.Errorf("acknowledged %d and %d, want 4 and nothing of the large one", s.Received(chat), s.Received(square))
		}
		received := 0
		w.srv.OnRequest = func(_ *clienttest.Session, env *throngv1.ClientEnvelope) bool {
			if p := env.GetReceived().GetPositions(); len(p) == 1 && p[0].GetConversation() == chat && p[0].GetSeq() == 4 {
				received++
			}
			return false
		}
		s.Push(&throngv1.ServerEnvelope{Content: &throngv1.ServerEnvelope_Hint{
			Hint: &throngv1.Hint{Conversation: chat, Seq: 4, Ordinal: 3, Tier: throngv1.Tier_TIER_SMALL},
		}})
		if w.pass(6 * time.Second); received != 1 {
			t.Errorf("acknowledged %d times after the hint that asks for it", received)
		}
	})
}

// SEND-17 and SEND-18, the client's side: it waits as long as the server says, tells until when, and sends again; so does the next
// connection.
func TestLimitsAreWaitedFor(t *testing.T) {
	t.Parallel()
	sends := 0
	prepare := func(s *clienttest.Server) {
		s.OnRequest = func(ss *clienttest.Session, env *throngv1.ClientEnvelope) bool {
			if env.GetSend() == nil {
				return false
			}
			if sends++; sends == 2 {
				ss.Refuse(env.GetId(), throngv1.Code_CODE_RATE_LIMITED, "rate_limited", 20_000)
				return true
			}
			return false
		}
	}
	bubble(t, prepare, client.Options{}, func(w *world) {
		w.connect()
		w.srv.SetSlowMode(chat, 10*time.Second)
		w.pass(0)
		if v, _ := w.c.Conversation(chat); v.SlowMode != 10*time.Second {
			t.Errorf("slow mode %v", v.SlowMode)
		}
		w.acked(w.send("first"))
		begin := time.Now()
		m, next := w.send("second"), w.send("third")
		w.pass(5 * time.Second)
		w.srv.Cut()
		w.acked(m)
		if d := time.Since(begin); d < 20*time.Second || d > 21*time.Second {
			t.Errorf("the limit made it wait %v", d)
		}
		w.acked(next)
		if d := time.Since(begin); d < 30*time.Second || d > 31*time.Second || sends != 5 {
			t.Errorf("slow mode made it wait %v, and sent %d times", d, sends)
		}
		w.pass(0)
		wantLog(t, w.srv, "", "first", "second", "third")
		delayed := eventsOf[client.SendDelayed](w)
		if len(delayed) != 2 || delayed[0].Err.Reason != "rate_limited" || delayed[1].Err.Reason != "slow_mode" {
			t.Fatalf("delayed %+v", delayed)
		}
		if until := delayed[1].Until.Sub(begin); until < 30*time.Second || until > 31*time.Second || delayed[1].Draft.Body.Text() != "third" {
			t.Errorf("delayed until %v: %+v", until, delayed[1])
		}
	})
}

// SEND-18: who waits for slow mode does not wait on when it is over.
func TestSlowModeEnds(t *testing.T) {
	t.Parallel()
	bubble(t, nil, client.Options{}, func(w *world) {
		w.connect()
		w.srv.SetSlowMode(chat, 24*time.Hour)
		w.acked(w.send("first"))
		m, other := w.send("second"), w.send("third")
		w.pass(time.Second)
		if !m.Cancel() {
			t.Error("what waits can be taken back")
		}
		w.srv.SetSlowMode(chat, 0)
		begin := time.Now()
		if _, err := m.Wait(w.t.Context()); !errors.Is(err, client.ErrCanceled) {
			t.Errorf("taken back: %v", err)
		}
		if w.acked(other); time.Since(begin) > time.Second {
			t.Errorf("it waited %v for a slow mode that is over", time.Since(begin))
		}
	})
}
