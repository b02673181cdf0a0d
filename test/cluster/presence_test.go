package cluster_test

import (
	"slices"

	"github.com/throng-im/throng/client"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// PRE-2, PRE-4: members of a small group see it, of a medium one those who have it open; who was removed neither sees nor tells.
func typing(w *world) {
	users := w.people(4)
	room := w.group(0, users[:3]...)
	devices := make([]*device, 4)
	for i, u := range users {
		devices[i] = w.join(i, u)
	}
	a, b, c, stranger := devices[0], devices[1], devices[2], devices[3]
	b.hears(room, a.say(room, "hello"))
	sees := func(d *device, who ...client.UserID) func() bool {
		return func() bool {
			return slices.Equal(d.Typists(room), who)
		}
	}
	// It may be dropped: people go on typing.
	types := func(d *device, is func() bool) func() bool {
		return func() bool {
			d.Typing(room)
			return is()
		}
	}
	w.until("the others see who is typing", types(a, func() bool { return sees(b, users[0])() && sees(c, users[0])() }))
	if len(a.Typists(room)) > 0 || len(stranger.Typists(room)) > 0 {
		w.t.Errorf("%v for the typist, %v for a stranger", a.Typists(room), stranger.Typists(room))
	}
	seq := a.say(room, "there")
	b.hears(room, seq)
	w.until("the message ends it", sees(b))

	w.change(1, users[0], room, 0, users[2])
	w.until("somebody types after a removal", types(a, sees(b, users[0])))
	if got := c.Typists(room); len(got) > 0 {
		w.t.Errorf("who was removed sees %v typing", got)
	}
	stranger.Typing(room)
	c.Typing(room)
	w.until("typing has ended", sees(b))
	if got := b.Typists(room); len(got) > 0 {
		w.t.Errorf("%v are seen, who are no members", got)
	}
}

const (
	isOffline = throngv1.PresenceState_PRESENCE_STATE_OFFLINE
	isAway    = throngv1.PresenceState_PRESENCE_STATE_AWAY
	isThere   = throngv1.PresenceState_PRESENCE_STATE_ONLINE
	isBusy    = throngv1.PresenceState_PRESENCE_STATE_BUSY
)

// PRE-10, PRE-11, PRE-14: one state of all devices on all nodes, for those who share a conversation and for nobody else.
func seeing(w *world) {
	users := w.people(4)
	room := w.group(0, users[:3]...)
	watcher, stranger := w.join(0, users[0]), w.join(2, users[3])
	watcher.Watch(nil, room)
	stranger.Watch([]client.Watched{{User: users[1]}, {User: users[1], Conversation: room}}, room)
	is := func(what string, user client.UserID, want throngv1.PresenceState) {
		w.t.Helper()
		w.until(what, func() bool { return watcher.Presence(user) == want })
	}
	is("nobody is there", users[1], isOffline)
	phone, desk := w.join(1, users[1]), w.join(2, users[1])
	is("somebody comes", users[1], isThere)
	phone.SetPresence(isBusy, false)
	is("one device is busy", users[1], isBusy)
	phone.leave()
	is("the other one is there", users[1], isThere)
	desk.SetPresence(isAway, false)
	is("and away", users[1], isAway)
	desk.SetPresence(isAway, true)
	is("suspended", users[1], isOffline)
	seq := watcher.say(room, "while you were away")
	desk.SetPresence(isThere, false)
	is("and back", users[1], isThere)
	desk.hears(room, seq)
	page, err := watcher.ListOnline(w.ctx(), room, 0, 10)
	w.must("listing who is there", err)
	if len(page.People) != 2 {
		w.t.Errorf("%v are there", page.People)
	}
	if got := stranger.Presence(users[1]); got != isOffline {
		w.t.Errorf("a stranger sees %v", got)
	}
	if _, err := stranger.ListOnline(w.ctx(), room, 0, 10); err == nil {
		w.t.Error("a stranger lists who is there")
	}
	w.change(1, users[0], room, 0, users[1])
	desk.SetPresence(isBusy, false)
	other := w.join(1, users[2])
	is("another member comes", users[2], isThere)
	if got := watcher.Presence(users[1]); got == isBusy {
		w.t.Error("who was removed is seen")
	}
	other.SetPresence(isBusy, false)
	is("and is busy", users[2], isBusy)
	if got := watcher.Presence(users[1]); got == isBusy {
		w.t.Error("who was removed is seen")
	}
}
