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
