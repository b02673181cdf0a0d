package client_test

import (
	"slices"
	"testing"
	"time"

	"github.com/throng-im/throng/client"
	"github.com/throng-im/throng/client/clienttest"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

func pinOf(target uint64, on bool) *throngv1.Entry {
	return &throngv1.Entry{Sender: maja, Body: &throngv1.Entry_Pin{Pin: &throngv1.Pin{Target: target, On: on}}}
}

// PIN-8: a device follows what is pinned by the entries, tells of each change, and counts none of it.
func TestPinned(t *testing.T) {
	t.Parallel()
	bubble(t, nil, client.Options{}, func(w *world) {
		w.connect()
		w.srv.Append(chat, maja, "first") // 2
		w.srv.Append(chat, maja, "other") // 3
		w.pass(time.Second)
		before, _ := w.c.Conversation(chat)
		told := len(eventsOf[client.ConversationChanged](w))
		for _, step := range []struct {
			entry *throngv1.Entry
			want  []uint64
		}{
			{pinOf(2, true), []uint64{2}},
			{pinOf(3, true), []uint64{3, 2}},
			{pinOf(2, true), []uint64{2, 3}},
			{pinOf(3, false), []uint64{2}},
			{recallOf(2, 0), []uint64{}},
		} {
			w.srv.AppendEntry(chat, step.entry)
			w.pass(time.Second)
			if got := w.c.Pins(chat); !slices.Equal(got, step.want) {
				t.Errorf("after %v %v are pinned, want %v", step.entry.GetBody(), got, step.want)
			}
		}
		if got := len(eventsOf[client.ConversationChanged](w)) - told; got < 5 {
			t.Errorf("%d changes were told, want 5", got)
		}
		if v, _ := w.c.Conversation(chat); v.Read != before.Read {
			t.Errorf("read up to %d, want %d", v.Read, before.Read)
		}
		if got := w.c.Pins(chat + 100); got != nil {
			t.Errorf("of no conversation: %v", got)
		}
	})
}

// PIN-1: a pin goes through the outbox, and its entry is told as the log has it.
func TestSendPin(t *testing.T) {
	t.Parallel()
	bubble(t, nil, client.Options{}, func(w *world) {
		w.connect()
		w.acked(w.send("first")) // 2
		before, _ := w.c.Conversation(chat)
		for i, body := range []client.Body{client.Pin(2), client.Unpin(2)} {
			m, err := w.c.Send(t.Context(), chat, body)
			if err != nil {
				t.Fatal(err)
			}
			w.acked(m)
			w.pass(time.Second)
			if got := w.c.Pins(chat); len(got) != 1-i {
				t.Errorf("%v are pinned", got)
			}
		}
		w.wantSeqs(1, 4)
		if v, _ := w.c.Conversation(chat); v.Read != before.Read || v.Unread != before.Unread {
			t.Errorf("read up to %d with %d unread, want %d and %d: a pin is no message", v.Read, v.Unread, before.Read, before.Unread)
		}
	})
}

// PIN-8: a sync that was made before an entry that is told already takes nothing of it back.
func TestAnOvertakenSyncLeavesPins(t *testing.T) {
	t.Parallel()
	late := false
	prepare := func(s *clienttest.Server) {
		s.OnRequest = func(ss *clienttest.Session, env *throngv1.ClientEnvelope) bool {
			if env.GetSync() == nil || !late {
				return false
			}
			late = false
			ss.Answer(env.GetId(), &throngv1.Response{Result: &throngv1.Response_Sync{Sync: &throngv1.SyncResponse{
				Cursor: env.GetSync().GetCursor(),
				Conversations: []*throngv1.Conversation{{
					Id: chat, Kind: throngv1.Kind_KIND_DIRECT, Peer: maja, Role: throngv1.Role_ROLE_MEMBER, FirstSeq: 1,
					Head: &throngv1.Head{Seq: 2, Ordinal: 1, Tier: throngv1.Tier_TIER_SMALL},
				}},
			}}})
			return true
		}
	}
	bubble(t, prepare, client.Options{}, func(w *world) {
		w.connect()
		w.srv.Append(chat, maja, "first") // 2
		w.srv.AppendEntry(chat, pinOf(2, true))
		w.pass(time.Second)
		late = true
		for _, s := range w.srv.Sessions(lin) {
			s.Push(&throngv1.ServerEnvelope{Content: &throngv1.ServerEnvelope_SyncHint{SyncHint: &throngv1.SyncHint{}}})
		}
		w.pass(time.Second)
		if late {
			t.Fatal("there was no sync")
		}
		if got := w.c.Pins(chat); !slices.Equal(got, []uint64{2}) {
			t.Errorf("%v are pinned, want 2", got)
		}
	})
}
