package gateway

import (
	"context"
	"math/bits"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/cluster"
	"github.com/throng-im/throng/internal/pressure"
	"github.com/throng-im/throng/internal/session"
)

// Receive implements [cluster.Receiver]: it hands a delivery to the loops that have receivers. It blocks while one of them
// is behind.
func (s *Server) Receive(ctx context.Context, d *cluster.Delivery) error {
	if d.Kind == cluster.DeliverTyping {
		s.typing(d)
		return nil
	}
	if d.Kind == cluster.DeliverReceipts {
		s.receipts(d)
		return nil
	}
	var mask uint64
	switch {
	case d.Users != nil:
		mask = s.online.loops(d.Users)
	case d.Kind == cluster.DeliverEntry && d.Head.MemberSeq == d.Entry.Seq:
		mask = ^uint64(0) // a member change is for those, too, who are about to join
	default:
		mask = s.online.group(d.Conversation)
	}
	mask &= 1<<len(s.loops) - 1
	if d.Kind == cluster.DeliverEntry && s.deps.Trace.On() {
		s.arrived(d, mask)
	}
	if mask == 0 {
		return nil
	}
	o := op{kind: opParcel, parcel: session.NewParcel(d)}
	switch d.Kind { //nolint:exhaustive // the others have nothing to do with what is on its way
	case cluster.DeliverEnter:
		s.online.expect(d.Conversation, bits.OnesCount64(mask))
	case cluster.DeliverLeave, cluster.DeliverDisband:
		s.crowd.cut(d.Conversation)
	case cluster.DeliverEntry:
		if d.Users != nil {
			break
		}
		switch large := d.Head.Tier == chat.TierLarge; {
		case s.deps.Level != nil && s.deps.Level() >= pressure.ContentAsHints:
			o.kind, o.n = opHead, headForAll
		case large:
			o.kind, o.n = opHead, headForOthers
			if err := post(ctx, s.loops, mask, o); err != nil { // ahead of the content: no loop is to know less than its connections
				return err
			}
			s.crowd.add(d)
			return nil
		default:
			s.crowd.cut(d.Conversation)
		}
	}
	return post(ctx, s.loops, mask, o)
}

// Who is told where a conversation has got to.
const (
	headForOthers = iota // those who do not have it open
	headForAll           // all, since nobody gets its content
)

// headOf is where a conversation has got to with an entry.
func headOf(d *cluster.Delivery) chat.Head {
	return chat.Head{Conversation: d.Conversation, Seq: d.Entry.Seq, Ordinal: d.Entry.Ordinal, Tier: d.Head.Tier}
}

// Degrade tells the sessions what the server leaves out from now on ([Deps.Level]); it is called when that has changed.
func (s *Server) Degrade() {
	for _, l := range s.loops {
		l.inbox.Put(op{kind: opLevel})
	}
}

// Audience is how many sessions of this node are subscribed to a conversation above the small tier, and how many of them have it
// open: those get the content of a large one.
func (s *Server) Audience(id chat.ConversationID) (subscribed, open int) { return s.online.count(id) }

// tellOn tells the next sessions what the server leaves out.
func (l *loop) tellOn() {
	if l.telling < 0 {
		return
	}
	for end := l.telling + walkSlice; l.telling < end; l.telling++ {
		c := l.slab.at(uint32(l.telling))
		if c == nil {
			l.telling = -1
			return
		}
		if c.id != 0 && c.from != nil {
			c.session.Degrade()
			if !c.session.Outbox().Empty() {
				l.mark(c)
			}
		}
	}
}
