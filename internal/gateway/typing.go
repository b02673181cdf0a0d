package gateway

import (
	"math/bits"

	"github.com/throng-im/throng/internal/cluster"
	"github.com/throng-im/throng/internal/pressure"
	"github.com/throng-im/throng/internal/session"
)

// typingRoom is the part of a loop's inbox, one in so many, above which it is not bothered with who is typing.
const typingRoom = 8

// typing takes who is typing to the loops, or drops it where the node or a loop has something else to do: content never waits for it.
func (s *Server) typing(d *cluster.Delivery) {
	if s.deps.Level != nil && s.deps.Level() >= pressure.TypingOff {
		return
	}
	mask := s.online.watched(d.Conversation)
	if d.Users != nil {
		mask = s.online.loops(d.Users)
	}
	o := op{kind: opParcel, parcel: session.NewParcel(d)}
	for mask &= 1<<len(s.loops) - 1; mask != 0; mask &= mask - 1 {
		s.loops[bits.TrailingZeros64(mask)].inbox.Offer(o, s.cfg.Inbox/typingRoom)
	}
}

// typing tells connections who is typing, the typist's own device apart.
func (l *loop) typing(p *session.Parcel) {
	d := p.Delivery()
	tell := func(c *conn) {
		c.session.Deliver(l.now, p)
		if !c.session.Outbox().Empty() {
			l.markWide(c)
		}
	}
	if d.Users != nil {
		for _, u := range d.Users {
			for c := l.users[u]; c != nil; c = c.next {
				tell(c)
			}
		}
		return
	}
	// Of a group that has not seen the last member change, somebody may be no member any more.
	if g := l.groups[d.Conversation]; g != nil && !g.over && g.seen >= d.MemberWas {
		for _, seat := range g.open {
			if seat.c.session.Who().User != d.User {
				tell(seat.c)
			}
		}
	}
}
