package chat_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/throng-im/throng/client"
	"github.com/throng-im/throng/cmd/throng/chat"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

func typeName(v any) string { return fmt.Sprintf("%T", v) }

func keyMsg(name string) tea.KeyMsg {
	if alt, ok := strings.CutPrefix(name, "alt+"); ok {
		k := keyMsg(alt)
		k.Alt = true
		return k
	}
	for kind := tea.KeyType(-100); kind < 130; kind++ {
		if kind != tea.KeyRunes && (tea.KeyMsg{Type: kind}).String() == name {
			return tea.KeyMsg{Type: kind}
		}
	}
	return tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune(name)}
}

func TestListShowsWhatIsNew(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.direct(1, alice)
	w.group(2, "团队 lunch")
	w.write(1, alice, "hello")
	w.write(1, alice, "are you there?")
	w.write(2, bob, "今天吃什么")
	w.start(100, 20)
	w.shows("Alice", "are you there?", "团队 lunch", "鲍勃: 今天吃什么", "(3)", "12:00", "● online")
}

func TestEveryLineFitsEveryWidth(t *testing.T) {
	t.Parallel()
	for _, width := range []int{12, 20, 40, 63, 64, 65, 80, 200} {
		for _, height := range []int{5, 8, 24} {
			w := newWorld(t)
			w.direct(1, bob)
			w.group(2, "一个名字很长很长很长很长很长很长很长很长很长很长的群")
			w.write(1, bob, strings.Repeat("宽", 150)+" "+strings.Repeat("x", 90)+"\nsecond line 👩‍👩‍👧 end")
			w.write(2, alice, "hi")
			w.start(width, height)
			check := func(where string) {
				lines := strings.Split(w.view(), "\n")
				if len(lines) != height {
					t.Errorf("%s at %d×%d: %d lines", where, width, height, len(lines))
				}
				for _, line := range lines {
					if chat.Width(line) > width {
						t.Errorf("%s at %d×%d: a line of %d cells: %q", where, width, height, chat.Width(line), line)
					}
				}
			}
			check("the list")
			w.key("enter")
			check("the room")
			w.typeText(strings.Repeat("写", 70))
			check("the room with a long message being written")
			w.key("f1")
			check("the help")
			w.key("x", "ctrl+g")
			check("the prompt")
			w.key("esc")
			w.tell(client.StateChanged{State: client.State{Phase: client.Waiting, RetryAt: w.now.Add(3 * time.Second)}})
			check("the banner")
		}
	}
}

// What tells a newcomer what to do stands there whole on every usual terminal.
func TestHintsAreWhole(t *testing.T) {
	t.Parallel()
	for _, width := range []int{40, 64, 80, 120} {
		w := newWorld(t)
		w.start(width, 24)
		w.shows("No conversations yet.", "ctrl+n  new message", "ctrl+g  new group", "enter open", "n write to", "? help  q quit")
		w.hides("…")
		w.key("ctrl+g")
		w.shows("tab next field  enter do it  esc back")
		w = newWorld(t)
		w.direct(1, alice)
		w.start(width, 24)
		w.key("enter")
		w.shows("enter send  esc list", "f1 help")
	}
}

func TestOpeningReadsAndMarks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.direct(1, alice)
	w.write(1, me, "my question")
	w.write(1, alice, "the answer")
	w.start(100, 20)
	w.shows("(1)")
	w.key("enter")
	w.shows("my question", "the answer", "new", "Write a message")
	if got := w.convs[1].Read; got != 2 {
		t.Errorf("read position %d after opening, want 2", got)
	}
	w.tell(client.ReadChanged{Conversation: 1, Seq: 2})
	w.hides("(1)")
}

func TestNothingIsReadBehindTheUsersBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.direct(1, alice)
	w.write(1, alice, "one")
	w.start(100, 12)
	w.key("enter")
	w.send(tea.BlurMsg{})
	w.say(1, alice, "two")
	if got := w.convs[1].Read; got != 1 {
		t.Errorf("read position %d while the window has no focus, want 1", got)
	}
	w.send(tea.FocusMsg{})
	if got := w.convs[1].Read; got != 2 {
		t.Errorf("read position %d once the window has focus, want 2", got)
	}
	for i := range 30 {
		w.say(1, alice, fmt.Sprint("line ", i))
	}
	read := w.convs[1].Read
	w.key("pgup")
	w.say(1, alice, "below the edge")
	if got := w.convs[1].Read; got != read {
		t.Errorf("read position went from %d to %d although the end is out of sight", read, got)
	}
	w.shows("↓ 1 new")
	w.hides("│   below the edge")
	w.key("end")
	w.shows("│   below the edge")
	if got := w.convs[1].Read; got != w.convs[1].Head {
		t.Errorf("read position %d at the end, want %d", got, w.convs[1].Head)
	}
}

func TestScrolledViewStaysWhereItIs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.direct(1, alice)
	for i := range 40 {
		w.write(1, alice, fmt.Sprintf("line %02d", i))
	}
	w.start(100, 14)
	w.key("enter", "pgup")
	roomOf := func() string {
		lines := strings.Split(w.view(), "\n")
		var text strings.Builder
		for _, line := range lines[2:11] {
			_, right, _ := strings.Cut(line, "│")
			text.WriteString(right + "\n")
		}
		return text.String()
	}
	before := roomOf()
	w.say(1, alice, "more\nand more")
	if after := roomOf(); before != after {
		t.Errorf("the view moved:\n%s\nwas:\n%s", after, before)
	}
}

func TestScrollingLoadsAllHistory(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.latest = 10
	w.direct(1, alice)
	for i := range 200 {
		w.write(1, alice, fmt.Sprintf("line %03d", i))
	}
	w.start(100, 20)
	w.key("enter")
	w.shows("line 199")
	for range 40 {
		w.key("pgup")
	}
	w.shows("line 000")
	w.hides("pgup for more")
	w.key("end")
	w.shows("line 199")
}

func TestSendingShowsPendingThenStored(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.direct(1, alice)
	w.start(100, 20)
	w.key("enter")
	w.typeText("hello 世界")
	w.key("alt+enter")
	w.typeText("second line")
	w.key("enter")
	w.shows("… hello 世界", "second line", "Write a message")
	w.store()
	w.hides("… hello")
	w.shows("hello 世界", "you")
	if got := w.logs[1][0].GetText(); got != "hello 世界\nsecond line" {
		t.Errorf("sent %q", got)
	}
}

func TestRefusedMessageComesBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.direct(1, alice)
	w.start(100, 20)
	w.key("enter")
	w.typeText("will not do")
	w.key("enter")
	d := w.pending[0]
	w.pending = nil
	w.tell(client.SendFailed{Draft: d, Err: &client.Error{Reason: "muted", Message: "You are muted here."}})
	w.shows("Not sent: You are muted here.", "❯ will not do")

	w.refuse = errors.New("the outbox is full")
	w.key("enter")
	w.shows("Not sent: the outbox is full", "❯ will not do")
}

func TestEscapeSequencesOfOthersDoNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.direct(1, alice)
	w.write(1, alice, "\x1b[31mred\x1b]0;title\x07 \u202Eesrever \x9b2J\rgone")
	w.start(100, 20)
	w.key("enter")
	for _, bad := range []string{"\x1b]0", "\x1b[31m", "\u202E", "\x9b", "\x07", "\r"} {
		if strings.Contains(w.view(), bad) {
			t.Errorf("the screen holds %q", bad)
		}
	}
	w.shows("red")
}

func TestReconnectBanner(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.direct(1, alice)
	w.start(100, 20)
	w.tell(client.StateChanged{State: client.State{Phase: client.Waiting, Attempt: 2, RetryAt: w.now.Add(5 * time.Second)}})
	w.shows("No connection; again in 5 s (ctrl+r: now). What you write is sent later.")
	w.key("ctrl+r")
	if w.retries != 1 {
		t.Errorf("%d retries, want 1", w.retries)
	}
	w.tell(client.StateChanged{State: client.State{Phase: client.Online}})
	w.hides("No connection")
}

func TestNewConversations(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start(100, 20)
	w.shows("No conversations yet")
	w.key("ctrl+n")
	w.typeText("nobody")
	w.key("enter")
	w.shows("There is nobody called nobody.")
	w.key("ctrl+n")
	w.typeText("@alice")
	w.key("enter")
	w.shows("Alice", "Write a message")
	w.key("ctrl+g")
	w.typeText("The group")
	w.key("enter")
	w.typeText("alice, bob")
	w.key("enter")
	w.shows("The group", "3 members")
	w.typeText("/add carol dave")
	w.key("enter")
	w.typeText("/name A new name")
	w.key("enter")
	want := "direct nobody; direct alice; group The group: alice+bob; add carol+dave; name A new name"
	if got := strings.Join(w.asked, "; "); got != want {
		t.Errorf("asked %q, want %q", got, want)
	}
	w.typeText("//shrug")
	w.key("enter")
	if got := w.pending[0].Body.Text(); got != "/shrug" {
		t.Errorf("two slashes sent %q, want /shrug", got)
	}
}

func TestFriends(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.direct(1, alice)
	w.start(100, 20)
	w.tell(client.StateChanged{State: client.State{Phase: client.Online}})
	w.key("enter")
	w.typeText("/friends")
	w.key("enter")
	w.shows("No friends here yet")
	w.relations = []*throngv1.Relation{
		{User: uint64(alice), Friendship: throngv1.Friendship_FRIENDSHIP_INCOMING, Note: "it is me\x1b[31m", Remark: "Ali of work"},
		{User: uint64(bob), Friendship: throngv1.Friendship_FRIENDSHIP_FRIENDS},
	}
	w.tell(client.RelationsChanged{Version: 2})
	w.shows("Somebody wants to be friends", "Ali of work")
	w.typeText("/friends")
	w.key("enter")
	w.shows("Friends: 鲍勃.", "Asking you: Ali of work (it is me")
	for _, command := range []string{
		"accept alice", "refuse @alice", "friend bob you know me", "withdraw bob", "unfriend bob", "follow bob", "unfollow bob", "block bob", "unblock bob", "remark bob Bobby B",
	} {
		w.typeText("/" + command)
		w.key("enter")
	}
	want := "accept alice; refuse alice; friend bob you know me; withdraw bob; unfriend bob; follow bob; unfollow bob; block bob; unblock bob; remark bob Bobby B"
	if got := strings.Join(w.asked, "; "); got != want {
		t.Errorf("asked %q, want %q", got, want)
	}
}

func TestLinks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.direct(1, alice)
	w.start(120, 40)
	w.key("enter")
	do := func(command string, shows ...string) {
		w.typeText("/" + command)
		w.key("enter")
		w.shows(shows...)
	}
	do("link", "https://example.org/join#AAAAAAAAAAf-_0123456789abcdefABC", "█", "any key goes back")
	w.key("esc")
	do("links", "71  3 joined, ends in 60 min", "72  0 joined, revoked", "73  0 joined, ended", "74  2 joined, used up")
	w.key("esc")
	do("unlink 71", "Nobody joins by it")
	do("peek that", "Club of that, 12 members")
	w.key("esc")
	do("join that")
	if got := strings.Join(w.asked, "; "); got != "unlink 71; join that" {
		t.Errorf("asked %q", got)
	}
}

func TestModeration(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.direct(1, alice)
	w.start(120, 40)
	w.key("enter")
	do := func(command string) {
		w.typeText("/" + command)
		w.key("enter")
	}
	for _, command := range []string{
		"kick @bob too loud", "ban bob 7d louder", "unban bob", "mute bob 30m", "unmute bob", "nick The Boss", "announce be kind", "posting admins", "posting all",
		"history on", "history off", "quiet", "quiet 2h", "quiet off", "password open sesame",
	} {
		do(command)
	}
	until := w.now.Add(2 * time.Hour).UnixMilli()
	want := []string{
		"kick bob 0s too loud", "ban bob 168h0m0s louder", "unban bob 0s ", "mute bob 30m0s ", "unmute bob 0s ", "nick The Boss",
		"terms be kindPOSTING_UNSPECIFIED0 false", "terms POSTING_ADMINS0 false", "terms POSTING_ALL0 false", "terms POSTING_UNSPECIFIED0 true",
		"terms POSTING_UNSPECIFIED0 false", "terms POSTING_UNSPECIFIED9007199254740991 false", fmt.Sprintf("terms POSTING_UNSPECIFIED%d false", until),
		"terms POSTING_UNSPECIFIED0 false", "terms POSTING_UNSPECIFIEDopen sesame0 false",
	}
	if !slices.Equal(w.asked, want) {
		t.Errorf("asked %q, want %q", w.asked, want)
	}
	for command, shows := range map[string]string{
		"kick": "/kick NAME, and why", "ban @": "/ban NAME, and why", "quiet of": "/quiet off to end it", "posting everybody": "/posting admins, or /posting all",
		"history": "/history on lets newcomers", "password": "/password WORDS",
	} {
		do(command)
		w.shows(shows)
	}
	if len(w.asked) != len(want) {
		t.Errorf("asked %q although it was not understood", w.asked[len(want):])
	}
}

func TestPrivacy(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.direct(1, alice)
	w.from = "all"
	w.start(100, 20)
	w.key("enter")
	for _, c := range [][2]string{
		{"", "Everybody may write"}, {" friends", "Friends may write"}, {" groups", "members of common groups"}, {"", "members of common groups"}, {" unlisted", "Nobody finds you"}, {" listed", "People find you"}, {" nobody", "/help"},
	} {
		w.typeText("/privacy" + c[0])
		w.key("enter")
		w.shows(c[1])
	}
	if got := strings.Join(w.asked, "; "); got != "listed false; listed true" {
		t.Errorf("asked %q", got)
	}
}

func TestHoleIsFilledByScrolling(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.direct(1, alice)
	w.write(1, alice, "before")
	w.start(100, 16)
	w.key("enter")
	for i := range 50 {
		w.write(1, alice, fmt.Sprintf("missed %02d", i))
	}
	w.tell(client.Hole{Conversation: 1, From: 2, To: 51})
	w.say(1, alice, "after")
	w.shows("after")
	for range 20 {
		w.key("pgup")
	}
	w.shows("before", "missed 00")
}

func TestNarrowTerminalShowsOneThing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.direct(1, alice)
	w.group(2, "Group")
	w.write(1, alice, "hello")
	w.start(40, 16)
	w.shows("Alice", "Group")
	w.key("enter")
	w.shows("hello")
	w.hides("Group")
	w.key("esc")
	w.shows("Group")
	w.hides("Write a message")
}

func TestWhatWasBeingWrittenStays(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.direct(1, alice)
	w.group(2, "Group")
	w.start(100, 20)
	w.key("enter")
	w.typeText("half a thou")
	w.key("alt+down")
	w.shows("Write a message")
	w.key("alt+up")
	w.shows("half a thou")
}

func TestQuit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start(100, 20)
	w.key("q")
	if !w.quit {
		t.Error("q in the list does not quit")
	}
}

func TestDevices(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.direct(1, alice)
	w.start(180, 20)
	w.key("enter")
	w.devices = []*throngv1.Device{
		{Id: 7, Name: "pocket\x1b[31m", Platform: throngv1.Platform_PLATFORM_PHONE, LastUsedMs: uint64(w.now.Add(-3 * time.Hour).UnixMilli())},
		{Id: 9, Name: "here", Platform: throngv1.Platform_PLATFORM_TERMINAL, Current: true},
	}
	do := func(command string) {
		w.typeText("/" + command)
		w.key("enter")
	}
	do("signout 1")
	w.shows("/devices shows the numbers")
	do("devices")
	w.shows("Signed in: 1 pocket", "(phone), used 3 h ago; 2 here (terminal), this one.")
	do("signout 2")
	w.shows("That is this device.")
	do("signout 1")
	w.shows("1 device signed out.")
	do("signout others")
	if got := strings.Join(w.asked, "; "); got != "sign out 7; sign out 0" {
		t.Errorf("asked %q", got)
	}
}

// PIN-1, MLK-1: messages are pinned and unpinned by number, the newest one without, and links lead to them.
func TestPinsAndPermalinks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.direct(1, alice)
	w.direct(2, bob)
	for range 3 {
		w.write(1, alice, "hello")
	}
	w.start(120, 50)
	w.key("enter")
	do := func(command string, shows ...string) {
		w.typeText("/" + command)
		w.key("enter")
		w.shows(shows...)
	}
	do("pin")
	do("pin 2")
	do("unpin 1")
	do("pin it", "/pin NUMBER")
	var got []string
	for _, d := range w.pending {
		got = append(got, fmt.Sprint(d.Body.Target()))
	}
	if want := "3 2 1"; strings.Join(got, " ") != want {
		t.Errorf("sent about %v, want %s", got, want)
	}
	w.pending = nil
	do("pins", "Pinned messages:", "2  Alice: be kind")
	w.key("esc")
	do("permalink 2", "https://example.org/c/1/2")
	w.key("esc")
	do("goto", "/goto LINK")
	do("goto https://example.org/c/2/7", "▶ Alice: this one", "https://example.org/c/2/7")
	w.key("esc")
	w.refuse = &client.Error{Message: "There is no such message."}
	do("goto 2/8", "There is no such message.")
	w.tell(client.Message{Conversation: 2, Entry: &throngv1.Entry{
		Seq: 9, Sender: uint64(alice), Body: &throngv1.Entry_Pin{Pin: &throngv1.Pin{Target: 2, On: true}},
	}, Live: true})
	w.shows("Alice pinned a message.")
}
