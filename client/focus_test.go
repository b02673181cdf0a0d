package client_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/throng-im/throng/client"
	"github.com/throng-im/throng/client/clienttest"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

const square = 3 // a large conversation

// tally counts what a client asks for.
type tally struct {
	kinds []string
	focus [][]uint64
	pages []*throngv1.ListEntriesRequest
}

// count is for OnRequest.
func (x *tally) count(_ *clienttest.Session, env *throngv1.ClientEnvelope) bool {
	switch r := env.GetRequest().(type) {
	case *throngv1.ClientEnvelope_Focus:
		x.focus = append(x.focus, r.Focus.GetConversations())
		x.kinds = append(x.kinds, "focus")
	case *throngv1.ClientEnvelope_ListEntries:
		x.pages = append(x.pages, r.ListEntries)
		x.kinds = append(x.kinds, "page")
	case *throngv1.ClientEnvelope_Sync:
		x.kinds = append(x.kinds, "sync")
	case *throngv1.ClientEnvelope_Authenticate:
		x.kinds = append(x.kinds, "authenticate")
	}
	return false
}

// large is a server with a large conversation beside the small one.
func large(x *tally) func(s *clienttest.Server) {
	return func(s *clienttest.Server) {
		s.OnRequest = x.count
		s.AddConversation(square, throngv1.Kind_KIND_GROUP, lin, maja)
		s.SetTier(square, throngv1.Tier_TIER_LARGE)
	}
}

func (w *world) focus(ids ...client.ConversationID) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), time.Minute)
	defer cancel()
	if err := w.c.Focus(ctx, ids...); err != nil {
		w.t.Fatalf("focus %v: %v", ids, err)
	}
}

// said appends texts to the large conversation and lets them arrive.
func (w *world) said(n int) {
	for range n {
		w.srv.Append(square, maja, "hello")
	}
	w.pass(3 * time.Second)
}

func span(from, to uint64) (out []uint64) {
	for s := from; s <= to; s++ {
		out = append(out, s)
	}
	return out
}

func (w *world) wantTold(conv client.ConversationID, want []uint64) {
	w.t.Helper()
	if got := w.seqs[conv]; !slices.Equal(got, want) {
		w.t.Errorf("told %v of conversation %d, want %v", got, conv, want)
	}
}

// DLV-25, DLV-17: what goes on where nobody looks costs nothing but a figure; opening it costs a focus and a page; what lies before is
// read when somebody scrolls.
func TestOpeningALargeConversation(t *testing.T) {
	t.Parallel()
	x := &tally{}
	bubble(t, large(x), client.Options{}, func(w *world) {
		w.connect()
		w.pass(time.Second)
		w.said(500)
		w.wantTold(square, span(1, 1))
		v, _ := w.c.Conversation(square)
		if len(x.pages) != 0 || v.Unread != 500 || v.Head != 501 || v.Delivered != 1 || w.c.TotalUnread() != 500 {
			t.Errorf("%d pages, conversation %+v, total %d", len(x.pages), v, w.c.TotalUnread())
		}
		behind := eventsOf[client.Behind](w)
		if n := len(behind); n == 0 || behind[n-1] != (client.Behind{Conversation: square, Head: 501, Unread: 500}) {
			t.Errorf("behind %+v", behind)
		}
		x.kinds = nil
		w.focus(square)
		w.pass(3 * time.Second)
		if got := fmt.Sprint(x.kinds); got != "[focus page]" {
			t.Errorf("asked for %v", got)
		}
		holes := eventsOf[client.Hole](w)
		if len(holes) != 1 || holes[0] != (client.Hole{Conversation: square, From: 2, To: 451}) {
			t.Fatalf("holes %+v", holes)
		}
		w.wantTold(square, append(span(1, 1), span(452, 501)...))
		page, err := w.c.Range(w.t.Context(), square, client.Query{From: holes[0].From, To: holes[0].To, Limit: 50, Backward: true})
		if err != nil || page.From != 402 || page.To != 451 || len(page.Profiles) != 1 || page.Profiles[0].GetUser() != maja {
			t.Errorf("scrolled to %d–%d with %v, %v", page.From, page.To, page.Profiles, err)
		}
		w.said(1)
		for _, m := range eventsOf[client.Message](w) {
			if live := m.Entry.GetSeq() == 502; m.Conversation == square && m.Live != live {
				t.Errorf("seq %d: live %v", m.Entry.GetSeq(), m.Live)
			}
		}
		if len(x.pages) != 2 {
			t.Errorf("%d pages, want one for opening and one for scrolling", len(x.pages))
		}
		w.focus()
		w.said(3)
		w.wantTold(square, append(span(1, 1), span(452, 502)...))
	})
}

// DLV-25: whoever reads along all the same says so.
func TestEager(t *testing.T) {
	t.Parallel()
	bubble(t, large(&tally{}), client.Options{Eager: true}, func(w *world) {
		w.connect()
		w.said(100)
		w.wantTold(square, span(1, 101))
	})
}

// DLV-25: the costs of opening a conversation do not grow with it.
func TestOpeningCostsTheSame(t *testing.T) {
	t.Parallel()
	bytes := map[string]int{}
	for _, r := range []struct {
		name             string
		members, entries int
	}{{"small", 10, 300}, {"long", 10, 60_000}, {"of a million", 1_000_000, 300}, {"long and of a million", 1_000_000, 60_000}} {
		x := &tally{}
		got := 0
		prepare := func(s *clienttest.Server) {
			large(x)(s)
			s.Crowd(square, r.members)
			s.OnAnswer = func(_ *clienttest.Session, env *throngv1.ServerEnvelope) clienttest.Verdict {
				got += len(env.String())
				return clienttest.Pass
			}
		}
		bubble(t, prepare, client.Options{}, func(w *world) {
			w.connect()
			for range r.entries {
				w.srv.AppendQuietly(square, maja, "hello")
			}
			x.kinds, got = nil, 0
			w.focus(square)
			w.pass(time.Second)
			if asked := fmt.Sprint(x.kinds); asked != "[focus page]" {
				t.Errorf("%s: asked for %v", r.name, asked)
			}
			if told := w.seqs[square]; len(told) != 51 || told[50] != uint64(r.entries+1) {
				t.Errorf("%s: %d told, the last %d", r.name, len(told), told[len(told)-1])
			}
			if kept := w.c.Latest(square); len(kept) != 50 {
				t.Errorf("%s: %d entries kept", r.name, len(kept))
			}
			bytes[r.name] = got
		})
	}
	if least := bytes["small"]; bytes["long and of a million"] > least+least/4 {
		t.Errorf("bytes for opening: %v", bytes)
	}
}

// S-33: at most 8, and what is refused changes nothing.
func TestFocusIsBounded(t *testing.T) {
	t.Parallel()
	x := &tally{}
	prepare := func(s *clienttest.Server) {
		large(x)(s)
		s.OnRequest = func(ss *clienttest.Session, env *throngv1.ClientEnvelope) bool {
			if slices.Contains(env.GetFocus().GetConversations(), 99) {
				ss.Refuse(env.GetId(), throngv1.Code_CODE_INTERNAL, "internal", 0)
				return true
			}
			return x.count(ss, env)
		}
	}
	bubble(t, prepare, client.Options{}, func(w *world) {
		w.connect()
		if err := w.c.Focus(w.t.Context(), 1, 2, 3, 4, 5, 6, 7, 8, 9); err == nil || len(x.focus) != 0 {
			t.Errorf("nine: %v, told %v", err, x.focus)
		}
		w.focus(1, 2, 3, 4, 5, 6, 7, 8, 3, 1)
		if len(x.focus) != 1 || fmt.Sprint(x.focus[0]) != "[1 2 3 4 5 6 7 8]" {
			t.Errorf("told %v", x.focus)
		}
		w.focus(square)
		for id, reason := range map[client.ConversationID]string{1 << 60: "id_invalid", 99: "internal"} {
			if err := w.c.Focus(w.t.Context(), id); !errors.Is(err, &client.Error{Reason: reason}) {
				t.Errorf("focus on %d: %v", id, err)
			}
		}
		if got := w.c.Focused(); !slices.Equal(got, []client.ConversationID{square}) {
			t.Errorf("focused %v after refusals", got)
		}
		w.said(3)
		w.wantTold(square, span(1, 4))
	})
}

// S-33: who is told to wait waits, and is told when it is done.
func TestFocusRefusedForAMoment(t *testing.T) {
	t.Parallel()
	busy := 2
	prepare := func(s *clienttest.Server) {
		large(&tally{})(s)
		s.OnRequest = func(ss *clienttest.Session, env *throngv1.ClientEnvelope) bool {
			if env.GetFocus() == nil || busy == 0 {
				return false
			}
			busy--
			ss.Refuse(env.GetId(), throngv1.Code_CODE_RATE_LIMITED, "rate_limited", 5_000)
			return true
		}
	}
	bubble(t, prepare, client.Options{}, func(w *world) {
		w.connect()
		begin := time.Now()
		w.focus(square)
		if d := time.Since(begin); d < 10*time.Second || d > 11*time.Second {
			t.Errorf("two refusals took %v", d)
		}
		w.said(2)
		w.wantTold(square, span(1, 3))
	})
}

// S-35: focus ends with the connection, and the next one is told before it syncs; so nothing falls between.
func TestFocusComesAgain(t *testing.T) {
	t.Parallel()
	x := &tally{}
	bubble(t, large(x), client.Options{}, func(w *world) {
		done := make(chan error, 1)
		go func() { done <- w.c.Focus(w.t.Context(), square) }() // ends when the client is connected
		w.pass(time.Second)
		w.connect()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		for range 3 {
			x.kinds = nil
			w.srv.Cut()
			w.said(5) // while it is away, or about to come back
			w.pass(time.Minute)
			if len(x.kinds) < 3 || fmt.Sprint(x.kinds[:3]) != "[authenticate focus sync]" {
				t.Errorf("the new connection began with %v", x.kinds)
			}
			w.said(1)
		}
		w.wantTold(square, span(1, 19))
		if hints := eventsOf[client.Behind](w); len(hints) != 0 {
			t.Errorf("behind %+v of what is open", hints)
		}
	})
}

// A focus that was superseded while it waited ends with the one that took its place; one whose caller gave up stands.
func TestFocusSuperseded(t *testing.T) {
	t.Parallel()
	x := &tally{}
	bubble(t, large(x), client.Options{}, func(w *world) {
		done := make(chan error, 2)
		for _, ids := range [][]client.ConversationID{{chat}, {square}} {
			go func() { done <- w.c.Focus(w.t.Context(), ids...) }() // ends when the client is connected
			w.pass(time.Millisecond)
		}
		ctx, cancel := context.WithTimeout(w.t.Context(), time.Second)
		defer cancel()
		if err := w.c.Focus(ctx, chat, square); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("focus of one who gave up: %v", err)
		}
		w.connect()
		for range 2 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		w.pass(time.Second)
		if fmt.Sprint(x.focus) != "[[1 3]]" {
			t.Errorf("told %v, want the last alone", x.focus)
		}
		_ = w.c.Close()
		if err := w.c.Focus(w.t.Context(), chat); !errors.Is(err, client.ErrClosed) {
			t.Errorf("focus after close: %v", err)
		}
	})
}

// Focus on a conversation that the device does not know yet, and on one that is not the user's.
func TestFocusOnAStranger(t *testing.T) {
	t.Parallel()
	bubble(t, large(&tally{}), client.Options{}, func(w *world) {
		w.connect()
		w.focus(4, 5)
		w.srv.AddConversation(4, throngv1.Kind_KIND_GROUP, lin, maja)
		w.srv.SetTier(4, throngv1.Tier_TIER_LARGE)
		w.srv.AddConversation(5, throngv1.Kind_KIND_GROUP, maja)
		w.srv.Append(4, maja, "hello")
		w.srv.Append(5, maja, "not for Lin")
		w.pass(5 * time.Second)
		w.wantTold(4, span(1, 2))
		w.wantTold(5, nil)
		if _, known := w.c.Conversation(5); known || len(w.c.Conversations()) != 3 {
			t.Errorf("conversations %+v", w.c.Conversations())
		}
		w.srv.AddConversation(6, throngv1.Kind_KIND_GROUP, lin, maja) // known to the server only
		w.srv.SetTier(6, throngv1.Tier_TIER_LARGE)
		w.focus(6)
		w.srv.Append(6, maja, "hello")
		w.pass(5 * time.Second)
		w.wantTold(6, span(1, 2))
	})
}

// DLV-25: what waits behind a gap when the user turns away is let go of, and counted.
func TestFocusLeavesAGap(t *testing.T) {
	t.Parallel()
	x := &tally{}
	bubble(t, large(x), client.Options{ReorderWait: time.Minute}, func(w *world) {
		w.connect()
		w.focus(square)
		w.srv.AppendQuietly(square, maja, "lost")
		w.said(1)
		w.focus()
		w.pass(2 * time.Minute)
		want := client.Behind{Conversation: square, Head: 3, Unread: 2}
		if got := eventsOf[client.Behind](w); len(got) != 1 || got[0] != want || len(x.pages) != 0 {
			t.Errorf("behind %+v, %d pages", got, len(x.pages))
		}
	})
}

// DLV-17: a head that says that the conversation is no large one any more brings what was left out.
func TestNoLongerLarge(t *testing.T) {
	t.Parallel()
	bubble(t, large(&tally{}), client.Options{}, func(w *world) {
		w.connect()
		w.said(5)
		w.srv.SetTier(square, throngv1.Tier_TIER_MEDIUM) // nothing is told before the digest
		w.pass(26 * time.Second)
		w.wantTold(square, span(1, 6))
	})
}

// The members of a large group get a hint at the same moment and do not pull at the same moment; hints that follow each other do not
// put the pull off, and whoever opens the conversation does not wait.
func TestManyPullOneAfterTheOther(t *testing.T) {
	t.Parallel()
	x := &tally{}
	prepare := func(s *clienttest.Server) {
		large(x)(s)
		s.Crowd(square, 5_000)
		s.SetTier(square, throngv1.Tier_TIER_MEDIUM)
		s.HintEvery = 100 * time.Millisecond
	}
	bubble(t, prepare, client.Options{Random: func() float64 { return 0.9 }, Eager: true}, func(w *world) {
		w.connect()
		w.srv.Degrade(&throngv1.Degraded{Level: 4, ContentAsHints: true})
		for range 3 {
			w.srv.Append(square, maja, "hello")
			w.pass(100 * time.Millisecond)
		}
		if len(x.pages) != 0 {
			t.Errorf("%d pages at once", len(x.pages))
		}
		for range 3 {
			w.srv.Append(square, maja, "hello")
			w.pass(100 * time.Millisecond)
		}
		if len(x.pages) != 1 {
			t.Errorf("%d pages after the time to spread over", len(x.pages))
		}
	})
	bubble(t, prepare, client.Options{Random: func() float64 { return 0.9 }}, func(w *world) {
		w.srv.SetTier(square, throngv1.Tier_TIER_LARGE)
		w.connect()
		w.srv.Append(square, maja, "hello")
		w.pass(time.Millisecond)
		w.focus(square)
		w.pass(0)
		w.wantTold(square, span(1, 2))
	})
}

// What a client keeps of a busy conversation of a million does not grow with what is said in it. It runs by itself: it looks at the heap.
func TestFollowingIsBounded(t *testing.T) { //nolint:paralleltest // the heap is that of the process
	x := &tally{}
	prepare := func(s *clienttest.Server) {
		large(x)(s)
		s.Crowd(square, 1_000_000)
	}
	bubble(t, prepare, client.Options{}, func(w *world) {
		w.connect()
		w.focus(square)
		over, cancel := context.WithCancel(w.t.Context())
		cancel()
		session, seq, told := w.srv.Sessions(lin)[0], uint64(1), 0
		follow := func(chunks int) uint64 {
			for range chunks {
				v := &throngv1.Entries{Conversation: square, Profiles: []*throngv1.Profile{{User: seq, Name: "somebody"}}}
				for range 10 {
					seq++
					v.Entries = append(v.Entries, &throngv1.Entry{Seq: seq, Ordinal: seq, Sender: seq, Body: &throngv1.Entry_Text{Text: "hello"}})
				}
				session.Push(&throngv1.ServerEnvelope{Content: &throngv1.ServerEnvelope_Entries{Entries: v}})
				synctest.Wait()
				for e, err := w.c.Next(over); err == nil; e, err = w.c.Next(over) {
					if _, ok := e.(client.Message); ok {
						told++
					}
				}
			}
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			return m.HeapAlloc
		}
		before := follow(500)
		after := follow(5_000)
		if grown := int64(after) - int64(before); grown > 2<<20 || told < 55_000 || len(x.pages) > 1 {
			t.Errorf("the heap grew by %d bytes over 50,000 messages; %d told, %d pages", grown, told, len(x.pages))
		}
	})
}
