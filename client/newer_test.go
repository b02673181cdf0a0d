package client_test

import (
	"errors"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/throng-im/throng/client"
	"github.com/throng-im/throng/client/clienttest"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// SYNC-15: an entry of a kind that a newer server knows, whose body this client does not see, is no gap.
func TestEntryOfAnUnknownKind(t *testing.T) {
	t.Parallel()
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
		e, _ := proto.Clone(w.srv.AppendQuietly(chat, maja, "of the future")).(*throngv1.Entry)
		e.Body = nil
		w.srv.Deliver(chat, e, nil)
		w.srv.Append(chat, maja, "of today")
		w.pass(time.Second)
		w.wantSeqs(1, 3)
		if pulls != 0 {
			t.Errorf("%d pulls for an entry that came", pulls)
		}
	})
}

// ERR-2: where the reason is a word of tomorrow, the code says what to do.
func TestReasonsOfTomorrow(t *testing.T) {
	t.Parallel()
	busy := 2
	prepare := func(s *clienttest.Server) {
		s.OnRequest = func(ss *clienttest.Session, env *throngv1.ClientEnvelope) bool {
			switch env.GetSend().GetText() {
			case "later":
				if busy--; busy >= 0 {
					ss.Refuse(env.GetId(), throngv1.Code_CODE_UNAVAILABLE, "moon_in_the_way", 100)
					return true
				}
			case "never":
				ss.Refuse(env.GetId(), throngv1.Code_CODE_FORBIDDEN, "not_on_sundays", 0)
				return true
			}
			return false
		}
	}
	bubble(t, prepare, client.Options{}, func(w *world) {
		w.connect()
		w.acked(w.send("later"))
		var e *client.Error
		if _, err := w.send("never").Wait(w.t.Context()); !errors.As(err, &e) || e.Reason != "not_on_sundays" {
			t.Errorf("refused with %v", err)
		}
		if busy >= 0 {
			t.Error("it was not tried again")
		}
	})
}

// SEND-15: a clock that steps back moves nothing.
func TestOrderIsBySeqAlone(t *testing.T) {
	t.Parallel()
	bubble(t, nil, client.Options{}, func(w *world) {
		w.connect()
		for i := range 5 {
			e := w.srv.AppendQuietly(chat, maja, "tick")
			e, _ = proto.Clone(e).(*throngv1.Entry)
			e.TimeMs = uint64(1_000_000 - i*1_000)
			w.srv.Deliver(chat, e, nil)
		}
		w.pass(time.Second)
		w.wantSeqs(1, 6)
		last := w.c.Latest(chat)
		for i := 1; i < len(last); i++ {
			if last[i].GetSeq() != last[i-1].GetSeq()+1 {
				t.Errorf("kept %v after %v", last[i], last[i-1])
			}
		}
	})
}
