package chat_test

import (
	"slices"
	"testing"
	"time"

	"github.com/throng-im/throng/client"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// Who is typing stands above the field, and what the user types is told, commands apart.
func TestTypingIsShown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.direct(1, alice)
	w.write(1, alice, "hi")
	w.start(80, 20)
	w.key("enter")
	w.hides("typing")
	for _, row := range []struct {
		users []client.UserID
		want  string
	}{
		{[]client.UserID{alice}, "Alice is typing"},
		{[]client.UserID{alice, bob}, "Alice and user 3 are typing"},
		{[]client.UserID{alice, bob, 9}, "3 people are typing"},
	} {
		w.types = map[client.ConversationID][]client.UserID{1: row.users}
		w.tell(client.TypingChanged{Conversation: 1, Users: row.users})
		w.shows(row.want)
	}
	w.types = nil
	w.tell(client.TypingChanged{Conversation: 1})
	w.hides("typing")
	w.typeText("hello")
	if len(w.typed) != 1 || w.typed[0] != 1 {
		t.Errorf("typed in %v", w.typed)
	}
	w.key("enter")
	w.typeText("/he")
	if len(w.typed) != 1 {
		t.Errorf("a command is nobody's business: %v", w.typed)
	}
}

// Own messages have ticks: one where everybody has got it, two where everybody has read it.
func TestTicks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.group(1, "Group")
	w.write(1, me, "hello")
	w.start(100, 20)
	w.key("enter")
	w.hides("✓")
	for _, row := range []struct {
		stands       []client.Receipt
		shows, hides string
	}{
		{[]client.Receipt{{User: alice, Got: 1}, {User: bob}}, "hello", "✓"},
		{[]client.Receipt{{User: alice, Got: 1}, {User: bob, Got: 1}}, "✓", "✓✓"},
		{[]client.Receipt{{User: alice, Got: 1, Read: 1}, {User: bob, Got: 1}}, "✓", "✓✓"},
		{[]client.Receipt{{User: alice, Got: 1, Read: 1}, {User: bob, Got: 2, Read: 2}}, "✓✓", "✓ "},
	} {
		w.stands = row.stands
		w.tell(client.ReceiptsChanged{Conversation: 1})
		w.shows(row.shows)
		w.hides(row.hides)
	}
	w.stands = []client.Receipt{{User: alice}}
	w.say(1, alice, "theirs")
	w.hides("✓")
}

// What is deleted for oneself is gone from the screen, here or on another device.
func TestHide(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.direct(1, alice)
	for _, text := range []string{"one", "two", "three", "four"} {
		w.write(1, alice, text)
	}
	w.start(100, 20)
	w.key("enter")
	for _, command := range []string{"/hide", "/hide 2", "/hide all", "/hide x"} {
		w.typeText(command)
		w.key("enter")
	}
	if want := []client.Span{{From: 4, To: 4}, {From: 3, To: 4}, {From: 1, To: 4}}; !slices.Equal(w.hidden, want) {
		t.Errorf("deleted %v", w.hidden)
	}
	w.tell(client.EntriesHidden{Conversation: 1, Spans: []client.Span{{From: 2, To: 3}}})
	w.shows("  one", "  four")
	w.hides("  two")
}

// A conversation that is marked as unread stays so until it is opened again.
func TestMarkUnread(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.direct(1, alice)
	w.direct(2, bob)
	w.write(1, alice, "hello")
	w.now = w.now.Add(-time.Minute)
	w.write(2, bob, "hello")
	w.start(100, 20)
	w.key("enter")
	w.typeText("/unread")
	w.key("enter")
	marked := func(want bool) {
		t.Helper()
		if is := w.convs[1].Settings.MarkedUnread; is != want {
			t.Errorf("marked: %v (asked: %v)", is, w.asked)
		}
	}
	marked(true)
	w.tell(client.SettingsChanged{Conversation: 1, Settings: client.Settings{MarkedUnread: true}})
	marked(true)
	w.key("alt+down")
	marked(true)
	w.key("alt+up")
	marked(false)
}

// How the other one is there stands in the title, and of a large group how many are.
func TestPresenceIsShown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.direct(1, alice)
	w.group(2, "Group")
	w.write(1, alice, "hi")
	w.start(100, 20)
	w.key("enter")
	for _, row := range []struct {
		state throngv1.PresenceState
		want  string
	}{
		{throngv1.PresenceState_PRESENCE_STATE_BUSY, "busy"},
		{throngv1.PresenceState_PRESENCE_STATE_AWAY, "away"},
		{throngv1.PresenceState_PRESENCE_STATE_OFFLINE, "offline"},
	} {
		w.there = map[client.UserID]throngv1.PresenceState{alice: row.state}
		w.tell(client.PresenceChanged{Users: []client.UserID{alice}})
		w.shows(row.want)
	}
	if len(w.watch) != 1 || w.watch[0] != 1 {
		t.Errorf("watches %v", w.watch)
	}
	w.online = map[client.ConversationID]int{2: 1_234}
	w.key("alt+down")
	w.shows("about 1,234 online")
	if len(w.watch) != 1 || w.watch[0] != 2 {
		t.Errorf("watches %v", w.watch)
	}
}
