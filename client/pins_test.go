package client_test

import (
	"slices"
	"testing"
	"time"

	"github.com/throng-im/throng/client"
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
	})
}
