package client_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/throng-im/throng/client"
	"github.com/throng-im/throng/client/clienttest"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// DLV-15, DLV-16.
func TestDelivery(t *testing.T) {
	t.Parallel()
	// Each row says what the link does to the deliveries of seqs 2 to 11; the client must tell 1 to 11 all the same.
	rows := []struct {
		name string
		push func(env *throngv1.ServerEnvelope) clienttest.Verdict
	}{
		{"all arrive", func(*throngv1.ServerEnvelope) clienttest.Verdict { return clienttest.Pass }},
		{"each twice", func(*throngv1.ServerEnvelope) clienttest.Verdict { return clienttest.Twice }},
		{"one lost", func(env *throngv1.ServerEnvelope) clienttest.Verdict {
			if entryOf(env).GetSeq() == 5 {
				return clienttest.Drop
			}
			return clienttest.Pass
		}},
		{"every other lost", func(env *throngv1.ServerEnvelope) clienttest.Verdict {
			if entryOf(env).GetSeq()%2 == 0 {
				return clienttest.Drop
			}
			return clienttest.Pass
		}},
	}
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			prepare := func(s *clienttest.Server) {
				s.OnPush = func(_ *clienttest.Session, env *throngv1.ServerEnvelope) clienttest.Verdict { return r.push(env) }
			}
			bubble(t, prepare, client.Options{}, func(w *world) {
				w.connect()
				for range 10 {
					w.srv.Append(chat, maja, "hello")
				}
				w.pass(time.Second)
				w.wantSeqs(1, 11)
			})
		})
	}
}

// DLV-16: what comes behind a gap waits.
func TestReordered(t *testing.T) {
	t.Parallel()
	for seed := range uint64(50) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		pulls := 0
		prepare := func(s *clienttest.Server) {
			s.OnRequest = func(_ *clienttest.Session, env *throngv1.ClientEnvelope) bool {
				if env.GetListEntries() != nil {
					pulls++
				}
				return false
			}
		}
		bubble(t, prepare, client.Options{}, func(w *world) {
			w.connect()
			es := make([]*throngv1.Entry, 0, 20)
			for range 20 {
				es = append(es, w.srv.AppendQuietly(chat, maja, "hello"))
			}
			rnd.Shuffle(len(es), func(i, j int) { es[i], es[j] = es[j], es[i] })
			for _, e := range es {
				w.srv.Deliver(chat, e, nil)
			}
			w.pass(time.Second)
			w.wantSeqs(1, 21)
			if pulls != 0 {
				t.Errorf("seed %d: %d pulls for deliveries that were only out of order", seed, pulls)
			}
		})
	}
}

func TestReconnectCatchesUp(t *testing.T) {
	t.Parallel()
	bubble(t, nil, client.Options{}, func(w *world) {
		w.connect()
		w.srv.Append(chat, maja, "before")
		w.pass(time.Second)
		w.srv.Cut()
		for range 300 { // more than a sync carries and more than a page holds
			w.srv.AppendQuietly(chat, maja, "while away")
		}
		w.pass(time.Minute)
		w.wantSeqs(1, 302)
		if st := w.c.State(); st.Phase != client.Online {
			t.Errorf("phase %v, want online", st.Phase)
		}
	})
}

func TestHole(t *testing.T) {
	t.Parallel()
	bubble(t, nil, client.Options{MaxPull: 100}, func(w *world) {
		w.connect()
		w.pass(time.Second)
		w.srv.Cut()
		for range 500 {
			w.srv.AppendQuietly(chat, maja, "while away")
		}
		w.pass(time.Minute)
		holes := eventsOf[client.Hole](w)
		if len(holes) != 1 || holes[0].From != 2 {
			t.Fatalf("holes %+v, want one from 2", holes)
		}
		got := w.seqs[chat]
		if got[0] != 1 || got[1] != holes[0].To+1 || got[len(got)-1] != 501 {
			t.Errorf("told %v around the hole %+v", got, holes[0])
		}
		page, err := w.c.Range(w.t.Context(), chat, client.Query{From: 2, To: 4})
		if err != nil || len(page.Entries) != 3 || page.Head != 501 {
			t.Errorf("range %+v, %v; want three entries and head 501", page, err)
		}
	})
}

// DLV-15: withheld spans count as filled.
func TestWithheld(t *testing.T) {
	t.Parallel()
	bubble(t, nil, client.Options{}, func(w *world) {
		w.connect()
		w.srv.Withhold(chat, lin, 3, 6)
		for range 10 {
			w.srv.AppendQuietly(chat, maja, "hello")
		}
		e := w.srv.AppendQuietly(chat, maja, "last")
		w.srv.Deliver(chat, e, nil)
		w.pass(time.Second)
		want := []uint64{1, 2, 7, 8, 9, 10, 11, 12}
		got := w.seqs[chat]
		if len(got) != len(want) {
			t.Fatalf("told %v, want %v", got, want)
		}
		for i := range want {
			if got[i] != want[i] {
				t.Fatalf("told %v, want %v", got, want)
			}
		}
	})
}

// DLV-17: a head of the digest is one above what the device has.
func TestHeartbeatFindsTheLostTail(t *testing.T) {
	t.Parallel()
	for _, tier := range []throngv1.Tier{throngv1.Tier_TIER_SMALL, throngv1.Tier_TIER_MEDIUM} {
		t.Run(tier.String(), func(t *testing.T) {
			t.Parallel()
			bubble(t, nil, client.Options{}, func(w *world) {
				w.srv.SetTier(chat, tier)
				w.connect()
				w.srv.AppendQuietly(chat, maja, "lost on the way")
				w.pass(time.Second)
				w.wantSeqs(1, 1)
				w.pass(26 * time.Second)
				w.wantSeqs(1, 2)
			})
		})
	}
}

// DLV-17.
func TestHint(t *testing.T) {
	t.Parallel()
	bubble(t, nil, client.Options{}, func(w *world) {
		w.connect()
		e := w.srv.AppendQuietly(chat, maja, "too large to push")
		for _, s := range w.srv.Sessions(lin) {
			s.Push(&throngv1.ServerEnvelope{Content: &throngv1.ServerEnvelope_Hint{
				Hint: &throngv1.Hint{Conversation: chat, Seq: e.GetSeq(), Ordinal: e.GetOrdinal()},
			}})
		}
		w.pass(time.Second)
		w.wantSeqs(1, 2)
	})
}

func TestNewConversation(t *testing.T) {
	t.Parallel()
	bubble(t, nil, client.Options{}, func(w *world) {
		w.connect()
		w.srv.AddConversation(2, throngv1.Kind_KIND_GROUP, lin, maja)
		w.srv.AppendQuietly(2, maja, "second")
		w.srv.Append(2, maja, "third")
		w.pass(time.Second)
		if got := w.seqs[2]; len(got) != 3 || got[0] != 1 || got[2] != 3 {
			t.Errorf("told %v of the new conversation, want 1 to 3", got)
		}
		if v, ok := w.c.Conversation(2); !ok || v.Kind != throngv1.Kind_KIND_GROUP || v.Unread != 2 {
			t.Errorf("conversation %+v, %v", v, ok)
		}
	})
}

func TestReset(t *testing.T) {
	t.Parallel()
	bubble(t, nil, client.Options{}, func(w *world) {
		w.connect()
		w.srv.Append(chat, maja, "hello")
		w.pass(time.Second)
		w.srv.Restore()
		w.srv.Cut()
		w.pass(time.Minute)
		if n := len(eventsOf[client.Reset](w)); n != 1 {
			t.Errorf("%d resets, want 1", n)
		}
		if got := w.seqs[chat]; len(got) != 4 || got[2] != 1 || got[3] != 2 {
			t.Errorf("told %v, want 1 2 and after the reset 1 2", got)
		}
	})
}

// SYNC-4: of another generation, what is listed is all; entries that were told stay told, and what came meanwhile follows them.
func TestTimelinesMadeAnew(t *testing.T) {
	t.Parallel()
	bubble(t, nil, client.Options{}, func(w *world) {
		w.connect()
		w.srv.Append(chat, maja, "hello")
		w.pass(time.Second)
		w.srv.Remake()
		w.srv.Cut()
		w.srv.AppendQuietly(chat, maja, "meanwhile")
		w.pass(time.Minute)
		if n := len(eventsOf[client.Reset](w)); n != 0 {
			t.Errorf("%d resets, want none: nothing was forgotten", n)
		}
		w.wantSeqs(1, 3)
		if v, ok := w.c.Conversation(chat); !ok || v.Role == throngv1.Role_ROLE_UNSPECIFIED {
			t.Errorf("conversation %+v, %v", v, ok)
		}
	})
}

// SYNC-4: what is not listed any more was left while nobody could tell.
func TestLeftWhileTimelinesWereMadeAnew(t *testing.T) {
	t.Parallel()
	bubble(t, nil, client.Options{}, func(w *world) {
		w.connect()
		w.srv.Append(chat, maja, "hello")
		w.pass(time.Second)
		w.srv.Remake()
		w.srv.Cut()
		w.srv.Unlist(chat, lin)
		w.pass(time.Minute)
		if v, ok := w.c.Conversation(chat); !ok || v.Role != throngv1.Role_ROLE_UNSPECIFIED || v.Delivered != 2 {
			t.Errorf("conversation %+v, %v", v, ok)
		}
		if n := w.c.TotalUnread(); n != 0 {
			t.Errorf("%d unread in what was left", n)
		}
	})
}

func TestFullEventQueueLosesNothing(t *testing.T) {
	t.Parallel()
	bubble(t, nil, client.Options{MaxEvents: 8}, func(w *world) {
		w.connect()
		for range 100 {
			w.srv.Append(chat, maja, "hello")
		}
		for range 200 { // each takes what is there and lets the client pull more
			w.pass(50 * time.Millisecond)
		}
		w.wantSeqs(1, 101)
	})
}

func TestUnread(t *testing.T) {
	t.Parallel()
	bubble(t, nil, client.Options{}, func(w *world) {
		w.connect()
		for range 3 {
			w.srv.Append(chat, maja, "hello")
		}
		w.pass(time.Second)
		if n := w.c.TotalUnread(); n != 3 {
			t.Errorf("unread %d, want 3", n)
		}
		if err := w.c.MarkRead(w.t.Context(), chat, 3); err != nil {
			t.Fatal(err)
		}
		if n := w.c.TotalUnread(); n != 1 {
			t.Errorf("unread %d after reading, want 1", n)
		}
		w.acked(w.send("answer"))
		if n := w.c.TotalUnread(); n != 0 {
			t.Errorf("unread %d after answering, want 0", n)
		}
		w.srv.Append(chat, maja, "more")
		for _, s := range w.srv.Sessions(lin) {
			s.Push(&throngv1.ServerEnvelope{Content: &throngv1.ServerEnvelope_ReadChanged{
				ReadChanged: &throngv1.ReadChanged{Conversation: chat, ReadSeq: 6, ReadOrdinal: 5},
			}})
		}
		w.pass(time.Second)
		if n := w.c.TotalUnread(); n != 0 {
			t.Errorf("unread %d after reading elsewhere, want 0", n)
		}
	})
}

// TestTimelineBehind: a delivery tells of a conversation that the next syncs do not know yet.
func TestTimelineBehind(t *testing.T) {
	t.Parallel()
	hide := 0
	prepare := func(s *clienttest.Server) {
		s.OnRequest = func(ss *clienttest.Session, env *throngv1.ClientEnvelope) bool {
			if env.GetSync() == nil || hide == 0 {
				return false
			}
			hide--
			ss.Answer(env.GetId(), &throngv1.Response{Result: &throngv1.Response_Sync{
				Sync: &throngv1.SyncResponse{Cursor: env.GetSync().GetCursor()},
			}})
			return true
		}
	}
	bubble(t, prepare, client.Options{}, func(w *world) {
		w.connect()
		hide = 3
		w.srv.AddConversation(2, throngv1.Kind_KIND_GROUP, lin, maja)
		w.srv.Append(2, maja, "second")
		w.pass(time.Second)
		if got := w.seqs[2]; len(got) != 2 || hide != 0 {
			t.Errorf("told %v of the new conversation, %d syncs left to hide it from", got, hide)
		}
	})
}
