package cluster_test

import (
	"slices"

	"github.com/throng-im/throng/client"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// RCP-1 to RCP-7, RCP-10, RCP-11: on any node members see, live and on request, who has got and read; who does not tell, who is blocked and who is
// no member any more sees less.
func receipts(w *world) {
	users := w.people(4)
	room := w.group(0, users[:3]...)
	a, b, c, stranger := w.join(0, users[0]), w.join(1, users[1]), w.join(2, users[2]), w.join(1, users[3])
	for _, d := range []*device{a, b, c, stranger} {
		w.must("focus", d.Focus(w.ctx(), room))
	}
	sees := func(d *device, of client.UserID) (r client.Receipt) {
		list := d.Receipts(room)
		if i := slices.IndexFunc(list, func(r client.Receipt) bool { return r.User == of }); i >= 0 {
			r = list[i]
		}
		return r
	}
	seq := a.say(room, "hello")
	b.hears(room, seq)
	c.hears(room, seq)
	w.until("others are seen to have got it", func() bool { return sees(a, users[1]).Got >= seq && sees(a, users[2]).Got >= seq })
	if r := sees(a, users[1]); r.Read >= seq {
		w.t.Errorf("nobody has read it: %v", r)
	}
	w.must("reading", b.MarkRead(w.ctx(), room, seq))
	w.until("and to have read it", func() bool { return sees(a, users[1]).Read >= seq && sees(c, users[1]).Read >= seq })
	told := func(d *device, at uint64) client.Receipts {
		r, err := d.GetReceipts(w.ctx(), room, at)
		w.must("asking", err)
		return r
	}
	if r := told(c, seq); r.Of != 2 || !slices.Equal(r.Read, users[1:2]) || !slices.Equal(r.Got, users[1:3]) {
		w.t.Errorf("on request: %+v", r)
	}
	if len(stranger.Receipts(room)) > 0 {
		w.t.Errorf("a stranger sees %v", stranger.Receipts(room))
	}
	if _, err := stranger.GetReceipts(w.ctx(), room, seq); err == nil {
		w.t.Error("a stranger is told")
	}

	w.must("hiding", c.SetReadReceipts(w.ctx(), false))
	w.block(2, users[1], users[0], true)
	seq = b.say(room, "again")
	a.hears(room, seq)
	c.hears(room, seq)
	w.must("reading", c.MarkRead(w.ctx(), room, seq))
	w.must("reading", a.MarkRead(w.ctx(), room, seq))
	w.until("who shows it is seen", func() bool { return sees(b, users[0]).Read >= seq })
	w.until("who hides it has got it", func() bool { return sees(b, users[2]).Got >= seq })
	if r := told(b, seq); !slices.Equal(r.Read, users[:1]) {
		w.t.Errorf("who hides is seen: %+v", r)
	}
	if r := told(c, seq); !r.ReadHidden || len(r.Read) > 0 || len(r.Got) != 2 {
		w.t.Errorf("who hides sees: %+v", r)
	}
	seq = c.say(room, "and again")
	a.hears(room, seq)
	b.hears(room, seq)
	w.must("reading", b.MarkRead(w.ctx(), room, seq))
	w.until("a member who blocked somebody is seen by others", func() bool { return sees(c, users[1]).Got >= seq })
	if r := told(a, seq); slices.Contains(r.Got, users[1]) {
		w.t.Errorf("who is blocked is told: %+v", r)
	}
}

// RCP-30, RCP-32 to RCP-34: what somebody deletes is gone for that one, on all devices and nodes, and counts no more; the others have it.
func hiding(w *world) {
	users := w.people(2)
	for _, room := range []client.ConversationID{w.group(0, users...), w.group(1, users...)} {
		phone, desk, other := w.join(0, users[0]), w.join(1, users[0]), w.join(2, users[1])
		var seqs []uint64
		for _, text := range []string{"one", "two", "three"} {
			seqs = append(seqs, other.say(room, text))
		}
		phone.hears(room, seqs[2])
		desk.hears(room, seqs[2])
		w.log(2, users[0], room) // so that each node may remember who reads
		w.must("hiding", phone.Hide(w.ctx(), room, client.Span{From: seqs[1], To: seqs[2]}))
		unread := func(d *device) (n uint64) {
			for _, c := range d.Conversations() {
				if c.ID == room {
					n = c.Unread
				}
			}
			return n
		}
		for _, d := range []*device{phone, desk} {
			w.until("what is deleted is kept nowhere", func() bool {
				return !slices.ContainsFunc(d.Latest(room), func(e *throngv1.Entry) bool { return e.GetSeq() >= seqs[1] })
			})
			w.until("and counts no more", func() bool { return unread(d) == 1 })
		}
		for n := range 3 {
			w.until("no node shows it", func() bool { return len(w.page(n, users[0], room, seqs[0])) == 1 })
			if got := w.page(n, users[1], room, seqs[0]); len(got) != 3 {
				w.t.Errorf("node %d shows the other one %d messages", n, len(got))
			}
		}
		seq := other.say(room, "four")
		desk.hears(room, seq)
		w.until("and it goes on", func() bool { return unread(phone) == 2 && unread(desk) == 2 })
		for _, d := range []*device{phone, desk, other} {
			d.leave()
		}
	}
}
