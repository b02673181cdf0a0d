package client_test

import (
	"slices"
	"testing"
	"time"

	"github.com/throng-im/throng/client"
	"github.com/throng-im/throng/client/clienttest"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// RCP-1, RCP-4, RCP-6: what is in focus has receipts, over reconnects, and only forward; who writes has read.
func TestReceipts(t *testing.T) {
	t.Parallel()
	bubble(t, func(s *clienttest.Server) {
		s.AddConversation(square, throngv1.Kind_KIND_GROUP, lin, maja, 90)
		for range 5 {
			s.Append(square, lin, "m")
		}
		s.Stand(square, &throngv1.Receipt{User: maja, ReadSeq: 2, GotSeq: 3})
		s.Stand(square, &throngv1.Receipt{User: 90, GotSeq: 3})
	}, client.Options{}, func(w *world) {
		is := func(what string, want ...client.Receipt) {
			t.Helper()
			w.pass(time.Second)
			if got := w.c.Receipts(square); !slices.Equal(got, want) {
				t.Errorf("%s: %v, want %v", what, got, want)
			}
		}
		w.connect()
		is("nothing is in focus")
		if err := w.c.Focus(w.t.Context(), square); err != nil {
			t.Fatal(err)
		}
		is("in focus", client.Receipt{User: maja, Read: 2, Got: 3}, client.Receipt{User: 90, Got: 3})
		w.srv.Stand(square, &throngv1.Receipt{User: maja, ReadSeq: 4, GotSeq: 4})
		is("read more", client.Receipt{User: maja, Read: 4, Got: 4}, client.Receipt{User: 90, Got: 3})
		for _, ss := range w.srv.Sessions(lin) {
			ss.Push(&throngv1.ServerEnvelope{Content: &throngv1.ServerEnvelope_ReceiptsMoved{ReceiptsMoved: &throngv1.ReceiptsMoved{
				Conversation: square, Receipts: []*throngv1.Receipt{{User: maja, ReadSeq: 1, GotSeq: 1}, {User: lin, ReadSeq: 5}},
			}}})
		}
		is("older, and of the user", client.Receipt{User: maja, Read: 4, Got: 4}, client.Receipt{User: 90, Got: 3})
		seq := w.srv.Append(square, maja, "read it").GetSeq()
		w.srv.Append(square, 90, "me too, but I do not tell")
		is("who writes", client.Receipt{User: maja, Read: seq, Got: seq}, client.Receipt{User: 90, Got: seq + 1})
		w.srv.Stand(square, &throngv1.Receipt{User: maja, ReadSeq: seq, GotSeq: seq + 1})
		a, err := w.c.GetReceipts(w.t.Context(), square, seq+1)
		if err != nil || a.Of != 2 || len(a.Read) != 0 || len(a.Got) != 1 || a.GotCount != 1 {
			t.Errorf("%+v, %v", a, err)
		}
		w.srv.Cut()
		w.pass(time.Minute)
		is("after a reconnect, as the server has it", client.Receipt{User: maja, Read: seq, Got: seq + 1}, client.Receipt{User: 90, Got: 3})
		if err := w.c.Focus(w.t.Context()); err != nil {
			t.Fatal(err)
		}
		is("out of focus")
		if n := len(eventsOf[client.ReceiptsChanged](w)); n < 4 {
			t.Errorf("told %d times", n)
		}
	})
}

// RCP-32, RCP-33: what is deleted on another device is gone here, is not told any more, and does not count.
func TestHidden(t *testing.T) {
	t.Parallel()
	bubble(t, func(s *clienttest.Server) {
		s.AddConversation(square, throngv1.Kind_KIND_GROUP, lin, maja)
		for range 5 {
			s.Append(square, maja, "m")
		}
	}, client.Options{}, func(w *world) {
		w.connect()
		w.pass(time.Second)
		head := func() client.Conversation {
			all := w.c.Conversations()
			return all[slices.IndexFunc(all, func(c client.Conversation) bool { return c.ID == square })]
		}
		before := head()
		if len(w.c.Latest(square)) == 0 || before.Unread < 3 {
			t.Fatalf("%d kept, %+v", len(w.c.Latest(square)), before)
		}
		ordinals := before.Last.GetOrdinal()
		w.srv.Hide(square, lin, &throngv1.HiddenSpan{From: before.Head - 1, To: before.Head, BeforeOrdinal: ordinals - 2, LastOrdinal: ordinals})
		w.pass(time.Second)
		for _, e := range w.c.Latest(square) {
			if e.GetSeq() >= before.Head-1 {
				t.Errorf("%d is kept", e.GetSeq())
			}
		}
		if n := head().Unread; n != before.Unread-2 || w.c.TotalUnread() != n {
			t.Errorf("%d are unread, of %d; the total is %d", n, before.Unread, w.c.TotalUnread())
		}
		told := eventsOf[client.EntriesHidden](w)
		if len(told) != 1 || !slices.Equal(told[0].Spans, []client.Span{{From: before.Head - 1, To: before.Head}}) {
			t.Errorf("told %v", told)
		}
		w.srv.Cut()
		w.srv.Hide(square, lin, &throngv1.HiddenSpan{From: before.Head - 2, To: before.Head + 1, BeforeOrdinal: ordinals - 3, LastOrdinal: ordinals + 1})
		w.srv.AppendQuietly(square, maja, "never seen here")
		w.srv.AppendQuietly(square, maja, "seen")
		w.pass(time.Minute)
		for _, m := range eventsOf[client.Message](w) {
			if m.Entry.GetSeq() == before.Head+1 {
				t.Error("what is hidden is told")
			}
		}
		if v := head(); v.Unread != before.Unread-2 || v.Last.GetText() != "seen" {
			t.Errorf("%d are unread, and the last is %v", v.Unread, v.Last)
		}
	})
}
