package client_test

import (
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/throng-im/throng/client"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

func editOf(target uint64, text string) *throngv1.Entry {
	return &throngv1.Entry{Sender: maja, Body: &throngv1.Entry_Edit{Edit: &throngv1.Edit{Target: target, Body: &throngv1.Edit_Text{Text: text}}}}
}

func recallOf(target, ordinal uint64) *throngv1.Entry {
	return &throngv1.Entry{Sender: maja, Body: &throngv1.Entry_Recall{Recall: &throngv1.Recall{Target: target, TargetOrdinal: ordinal}}}
}

// AMD-13, AMD-14, SYNC-20: a device shows what entries make of earlier ones, and does not count what was taken back.
func TestAmended(t *testing.T) {
	t.Parallel()
	bubble(t, nil, client.Options{}, func(w *world) {
		w.connect()
		w.srv.Append(chat, maja, "first") // 2
		w.srv.Append(chat, maja, "other") // 3
		w.srv.AppendEntry(chat, editOf(2, "second"))
		w.pass(time.Second)
		told := eventsOf[client.Amended](w)
		if len(told) != 1 || told[0].Entry.GetText() != "second" || told[0].Entry.GetEditedSeq() != 4 {
			t.Fatalf("amended %v, want the second text", told)
		}
		if v, _ := w.c.Conversation(chat); v.Last.GetSeq() != 3 || v.Unread != 2 {
			t.Errorf("last %d, %d unread; want the last message and 2", v.Last.GetSeq(), v.Unread)
		}
		w.srv.AppendEntry(chat, recallOf(2, 1))
		w.pass(time.Second)
		if v, _ := w.c.Conversation(chat); v.Unread != 1 || w.c.TotalUnread() != 1 {
			t.Errorf("%d unread, want 1: one was taken back", v.Unread)
		}
		for _, e := range w.c.Latest(chat) {
			if e.GetSeq() == 2 && e.GetTombstone().GetReason() != throngv1.Tombstone_REASON_RECALLED {
				t.Errorf("entry 2 is %v", e)
			}
			if e.GetSeq() == 4 && e.GetEdit().GetBody() != nil {
				t.Errorf("the edit of what was taken back is %v", e)
			}
		}
		w.wantSeqs(1, 5)
	})
}

// AMD-15: an edit goes through the outbox, and its entry is told as the log has it.
func TestSendEdit(t *testing.T) {
	t.Parallel()
	bubble(t, nil, client.Options{}, func(w *world) {
		w.connect()
		w.acked(w.send("first"))
		m, err := w.c.Send(t.Context(), chat, client.Edit(2, "second"))
		if err != nil {
			t.Fatal(err)
		}
		if ack := w.acked(m); ack.Seq != 3 {
			t.Errorf("ack %+v, want seq 3", ack)
		}
		w.pass(time.Second)
		w.wantSeqs(1, 3)
		if got := eventsOf[client.Amended](w); len(got) != 1 || got[0].Entry.GetText() != "second" {
			t.Errorf("amended %v", got)
		}
	})
}

func TestAmendTwice(t *testing.T) {
	t.Parallel()
	e := &throngv1.Entry{Seq: 2, Body: &throngv1.Entry_Media{Media: &throngv1.Media{Ref: "blob", Caption: "old"}}}
	edit := editOf(2, "new")
	edit.Seq = 5
	was := proto.CloneOf(e)
	now, changed := client.Amend(e, edit)
	if !changed || now.GetMedia().GetCaption() != "new" || now.GetMedia().GetRef() != "blob" || now.GetEdits() != 1 {
		t.Errorf("edited: %v", now)
	}
	if !proto.Equal(e, was) {
		t.Error("the entry was written to")
	}
	if _, changed = client.Amend(now, edit); changed {
		t.Error("an edit counts twice")
	}
	recall := recallOf(2, 1)
	recall.Seq = 6
	gone, changed := client.Amend(now, recall)
	if !changed || gone.GetTombstone().GetSeq() != 6 || gone.GetEdits() != 0 {
		t.Errorf("recalled: %v", gone)
	}
	if _, changed = client.Amend(gone, edit); changed {
		t.Error("a late edit brings something back")
	}
	if client.Target(recall) != 2 || client.Target(e) != 0 {
		t.Error("targets")
	}
}

// AMD-16: what was kept before the user became a member again is not shown any more: what was taken back meanwhile may be in it.
func TestMemberAgain(t *testing.T) {
	t.Parallel()
	bubble(t, nil, client.Options{}, func(w *world) {
		w.connect()
		w.srv.Append(chat, maja, "before") // 2
		w.pass(time.Second)
		if kept := w.c.Latest(chat); len(kept) == 0 || kept[len(kept)-1].GetText() != "before" {
			t.Fatalf("kept %v", kept)
		}
		joins := &throngv1.MembersChanged{Action: throngv1.MembersChanged_ACTION_JOINED, Users: []uint64{maja + 1}}
		w.srv.AppendEntry(chat, &throngv1.Entry{Sender: maja, Body: &throngv1.Entry_MembersChanged{MembersChanged: joins}}) // 3: somebody else
		w.pass(time.Second)
		if kept := w.c.Latest(chat); len(kept) < 2 {
			t.Errorf("kept %v after somebody else joined", kept)
		}
		me, _ := w.c.Me()
		again := &throngv1.MembersChanged{Action: throngv1.MembersChanged_ACTION_ADDED, Users: []uint64{uint64(me)}}
		w.srv.AppendEntry(chat, &throngv1.Entry{Sender: maja, Body: &throngv1.Entry_MembersChanged{MembersChanged: again}}) // 4
		w.srv.Append(chat, maja, "after")                                                                                   // 5
		w.pass(time.Second)
		if kept := w.c.Latest(chat); len(kept) != 2 || kept[0].GetSeq() != 4 || kept[1].GetText() != "after" {
			t.Errorf("kept %v, want what is there since", kept)
		}
		w.wantSeqs(1, 5)
	})
}
