package cluster_test

import (
	"slices"

	"github.com/throng-im/throng/client"
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
