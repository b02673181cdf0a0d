package client_test

import (
	"testing"
	"time"

	"github.com/throng-im/throng/client"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// QUO-6, QUO-7: a reply names what it answers, and what that one says is its present state.
func TestReply(t *testing.T) {
	t.Parallel()
	bubble(t, nil, client.Options{}, func(w *world) {
		w.connect()
		w.srv.Append(chat, maja, "shall we?") // 2
		w.pass(time.Second)
		m, err := w.c.Send(w.t.Context(), chat, client.Text("yes").Reply(2))
		if err != nil {
			t.Fatal(err)
		}
		w.acked(m)
		w.srv.AppendEntry(chat, editOf(2, "shall we go?"))
		w.pass(time.Second)
		var answer client.Message
		for _, told := range eventsOf[client.Message](w) {
			if told.ReplyTo() != 0 {
				answer = told
			}
		}
		if answer.ReplyTo() != 2 || answer.Entry.GetText() != "yes" {
			t.Fatalf("the reply is %v", answer.Entry)
		}
		quoted, err := w.c.Quoted(w.t.Context(), chat, answer.Entry)
		if err != nil || quoted.GetText() != "shall we go?" {
			t.Errorf("it answers %v: %v", quoted, err)
		}
		if none, err := w.c.Quoted(w.t.Context(), chat, quoted); none != nil || err != nil {
			t.Errorf("what answers nothing answers %v: %v", none, err)
		}
	})
}

// QUO-6: what the client does not keep is asked for.
func TestQuotedFromAfar(t *testing.T) {
	t.Parallel()
	bubble(t, nil, client.Options{Window: 2}, func(w *world) {
		w.connect()
		w.srv.Append(chat, maja, "long ago") // 2
		for range 10 {
			w.srv.Append(chat, maja, "since")
		}
		w.pass(time.Second)
		quoted, err := w.c.Quoted(w.t.Context(), chat, &throngv1.Entry{ReplyTo: 2})
		if err != nil || quoted.GetText() != "long ago" {
			t.Errorf("quoted %v: %v", quoted, err)
		}
	})
}

// AMD-13: with a message goes what it refers to.
func TestRecalledRefersToNothing(t *testing.T) {
	t.Parallel()
	recall := recallOf(3, 2)
	recall.Seq = 4
	now, changed := client.Amend(&throngv1.Entry{Seq: 3, ReplyTo: 2, Body: &throngv1.Entry_Text{Text: "yes"}}, recall)
	if !changed || now.GetReplyTo() != 0 {
		t.Errorf("recalled: %v", now)
	}
}

// An edit answers nothing of its own.
func TestOnlyMessagesReply(t *testing.T) {
	t.Parallel()
	if to := client.Edit(2, "x").Reply(3).ReplyTo(); to != 0 {
		t.Errorf("an edit answers %d", to)
	}
}

// MEN-5, MEN-7: who is mentioned.
func TestMentions(t *testing.T) {
	t.Parallel()
	e := &throngv1.Entry{Sender: maja, Mentions: []uint64{7}}
	if !client.Mentions(e, 7) || client.Mentions(e, 8) || client.Mentions(&throngv1.Entry{Sender: maja}, 7) {
		t.Error("whom a message mentions")
	}
	e.MentionAll = true
	if !client.Mentions(e, 8) || client.Mentions(e, maja) {
		t.Error("who is all")
	}
	bubble(t, nil, client.Options{}, func(w *world) {
		w.connect()
		m, err := w.c.Send(w.t.Context(), chat, client.Text("@all").Mention(maja, 999).MentionAll())
		if err != nil {
			t.Fatal(err)
		}
		w.acked(m)
		w.pass(time.Second)
		told := eventsOf[client.Message](w)
		if last := told[len(told)-1].Entry; len(last.GetMentions()) != 1 || last.GetMentions()[0] != maja || !last.GetMentionAll() {
			t.Errorf("told %v", last)
		}
	})
}
