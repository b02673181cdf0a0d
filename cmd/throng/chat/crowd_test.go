package chat_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/throng-im/throng/client"
	"github.com/throng-im/throng/cmd/throng/chat"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// crowd is a large group with n messages; the SDK keeps what it was told last, up to one of them.
func (w *world) crowd(id client.ConversationID, n, from, told int) {
	w.group(id, "The square")
	for i := range n {
		w.write(id, alice, fmt.Sprintf("line %03d", i))
	}
	c := w.convs[id]
	c.Members, c.Tier, c.Role, c.Delivered = 1_000_000, throngv1.Tier_TIER_LARGE, throngv1.Role_ROLE_MEMBER, uint64(told)
	w.told = map[client.ConversationID][]*throngv1.Entry{id: w.logs[id][from:told]}
}

// catchUp is what the SDK tells of a conversation that came into focus: a hole, and the newest messages.
func (w *world) catchUp(id client.ConversationID, newest int) {
	log := w.logs[id]
	from := len(log) - newest
	w.tell(client.Hole{Conversation: id, From: w.convs[id].Delivered + 1, To: uint64(from)})
	w.told[id], w.convs[id].Delivered = log[from:], uint64(len(log))
	for _, e := range log[from:] {
		w.tell(client.Message{Conversation: id, Entry: e})
	}
}

func (w *world) focused(want ...string) {
	w.t.Helper()
	if got := strings.Join(w.focus, " "); got != strings.Join(want, " ") {
		w.t.Errorf("told to be open: %s, want %v", got, want)
	}
}

// DLV-25, S-33: what is on the screen is in focus, and nothing else.
func TestFocusFollowsTheScreen(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.direct(1, alice)
	w.group(2, "Group")
	w.start(100, 20)
	w.focused()
	w.key("enter")
	w.key("alt+down", "esc", "f1", "x") // beside the list it stays on the screen
	w.focused("[1]", "[2]")

	w = newWorld(t)
	w.direct(1, alice)
	w.start(40, 16)
	w.key("enter", "esc", "enter")
	w.focused("[1]", "[]", "[1]")
	w.blind = &client.Error{Reason: "internal", Message: "internal error"}
	w.key("esc")
	w.shows("Not opened: internal error")
	w.blind = errors.New("the network")
	w.key("enter")
	w.shows("Not opened: the network")
}

// One telling at a time: two at once could overtake each other.
func TestFocusIsToldInOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.direct(1, alice)
	w.group(2, "Group")
	w.group(3, "Third")
	w.start(100, 20)
	var slow func()
	model, cmd := w.model.Update(keyMsg("enter"))
	w.model, slow = model, func() { w.run(cmd) }
	w.key("alt+down", "alt+down")
	w.focused()
	slow()
	w.focused("[1]", "[3]")
}

// DLV-25: a large group shows its last page at once, with one focus and no page of its own; what is before is read by scrolling.
func TestLargeGroupOpensAtItsEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.crowd(1, 300, 95, 100)
	w.start(100, 20)
	w.key("enter")
	w.focused("[1]")
	w.shows("1,000,000 members", "newer messages are on their way")
	w.catchUp(1, 50)
	w.shows("line 299")
	w.hides("line 099", "on their way")
	if w.pages != 0 {
		t.Errorf("%d pages were read beside what the focus brings", w.pages)
	}
	if got := w.convs[1].Read; got != 300 {
		t.Errorf("read position %d, want 300", got)
	}
	for range 30 {
		w.key("pgup")
	}
	w.shows("line 000")
}

// A hole does not take from a reader what is being read.
func TestHoleUnderAReader(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.crowd(1, 60, 0, 60)
	w.start(100, 20)
	w.key("enter", "pgup", "pgup")
	w.shows("line 030")
	for i := 60; i < 300; i++ {
		w.write(1, bob, fmt.Sprintf("line %03d", i))
	}
	w.convs[1].Delivered = 60
	w.catchUp(1, 50)
	w.shows("line 030", "↓ 50 new messages below · end shows them")
	w.hides("│   line 299")
	w.key("pgdown", "pgdown") // the end of what was loaded
	w.shows("│   line 299")
	w.hides("line 059")
	for range 30 {
		w.key("pgup")
	}
	w.shows("line 000")
}

// DLV-22, DLV-23, SEND-17, SEND-18: how a busy group is delivered, what sending takes, and what the server leaves out.
func TestBusyGroup(t *testing.T) {
	t.Parallel()
	for _, width := range []int{40, 80} {
		w := newWorld(t)
		w.crowd(1, 10, 0, 10)
		w.start(width, 20)
		w.key("enter")
		c := w.convs[1]
		c.Batching, c.SendWait = time.Second, 4*time.Second
		w.tell(client.Batching{Conversation: 1, Interval: time.Second, SendWait: 4 * time.Second})
		w.shows("messages come in batches")
		c.SlowMode, c.Batching = 5*time.Minute, 0
		w.tell(client.ConversationChanged{Conversation: *c})
		w.shows("slow mode: one message in 5 min")
		w.hides("batches", "between messages")
		w.typeText("hello")
		w.key("enter")
		w.tell(client.SendDelayed{Draft: w.pending[0], Until: w.now.Add(3400 * time.Millisecond)})
		w.shows("… hello", "wait 4 s")
		w.now = w.now.Add(3 * time.Second)
		w.shows("wait 1 s")
		w.now = w.now.Add(time.Second)
		w.hides("wait ")
		w.tell(client.SendDelayed{Draft: w.pending[0], Until: w.now.Add(time.Hour)})
		w.shows("wait 60 min")
		w.store() // it was ended
		w.hides("wait ")
		c.Role = throngv1.Role_ROLE_ADMIN
		w.tell(client.ConversationChanged{Conversation: *c})
		w.hides("slow mode") // it is not for admins
		w.tell(client.Degraded{Level: 1, TypingOff: true})
		w.shows("busy")
		w.hides("groups lag")
		w.tell(client.Degraded{Level: 4, TypingOff: true, ContentAsHints: true})
		w.shows("The server is busy; groups lag.")
		w.tell(client.Degraded{})
		w.shows("● online", "Groups are up to date again.")
		for _, line := range strings.Split(w.view(), "\n") {
			if chat.Width(line) > width {
				t.Errorf("a line of %d cells at %d: %q", chat.Width(line), width, line)
			}
		}
	}
}

// What changed about a group is said in the log.
func TestChangesAreSaid(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.group(1, "Group")
	w.start(100, 30)
	w.key("enter")
	slow, off, large, free := uint32(30_000), uint32(0), throngv1.Tier_TIER_LARGE, throngv1.Tier_TIER_UNSPECIFIED
	for _, c := range []*throngv1.ConversationChanged{{SlowModeMs: &slow}, {SlowModeMs: &off}, {Tier: &large}, {Tier: &free}, {}} {
		e := w.write(1, alice, "")
		e.Body = &throngv1.Entry_ConversationChanged{ConversationChanged: c}
		w.tell(client.Message{Conversation: 1, Entry: e})
	}
	w.shows("Alice set slow mode: one message in 30 s.", "Alice ended slow mode.", "The group is delivered as a large one.",
		"The group is delivered by its size again.", "Alice changed the group.")
}

// DLV-13: a name that is older than the one that is known changes nothing.
func TestNamesKeepTheNewest(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.direct(1, alice)
	w.start(100, 20)
	w.shows("Alice")
	learned := func(name string, version uint64) {
		w.tell(client.ProfilesLearned{Profiles: []*throngv1.Profile{{User: uint64(alice), Name: name, Version: version}}})
	}
	learned("Old Alice", 1)
	w.hides("Old Alice")
	learned("Alicia", 3)
	w.shows("Alicia")
}
