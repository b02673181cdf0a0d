package chat_test

import (
	"slices"
	"testing"

	"github.com/throng-im/throng/client"
)

// QUO-6: a reply shows what it answers as that looks now, and what is not loaded it does not show.
func TestRepliesQuote(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.direct(1, alice)
	w.write(1, alice, "shall we?")
	w.start(100, 24)
	w.key("enter")
	w.hides("#1 shall we?")
	w.typeText("/numbers")
	w.key("enter")
	w.shows("#1 shall we?")
	w.typeText("/reply 1 yes, let us")
	w.key("enter")
	if got := w.pending[len(w.pending)-1].Body; got.ReplyTo() != 1 || got.Text() != "yes, let us" {
		t.Fatalf("sent %q to %d", got.Text(), got.ReplyTo())
	}
	for _, bad := range []string{"/reply", "/reply 1", "/reply x y", "/reply 0 y"} {
		w.typeText(bad)
		w.key("enter")
		w.shows("/reply NUMBER TEXT")
	}
	answer := w.write(1, alice, "to the sea")
	answer.ReplyTo = 1
	w.tell(client.Message{Conversation: 1, Entry: answer, Live: true})
	w.shows("┃ Alice: shall we?", "to the sea")
	lost := w.write(1, alice, "what was it?")
	lost.ReplyTo = 900
	w.tell(client.Message{Conversation: 1, Entry: lost, Live: true})
	w.shows("┃ an earlier message")
}

// MEN-7: names behind an @ are looked up, and who is mentioned sees it.
func TestMentioning(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.group(1, "friends")
	w.write(1, alice, "hi")
	w.start(100, 24)
	w.key("enter")
	w.typeText("@alice, look: mail me at me@example.com @bob!")
	w.key("enter")
	if !slices.Equal(w.mentioned, []string{"alice", "bob"}) {
		t.Errorf("mentioned %q", w.mentioned)
	}
	if len(w.pending) != 1 {
		t.Fatalf("%d messages sent", len(w.pending))
	}
	named := w.write(1, alice, "come here")
	named.Mentions = []uint64{uint64(me)}
	w.tell(client.Message{Conversation: 1, Entry: named, Live: true})
	w.shows("@ come here")
}
