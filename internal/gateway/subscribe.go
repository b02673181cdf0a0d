package gateway

import (
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/chunk"
)

// This file is how a loop's connections come into its groups and go from them, and what of them their users have open.

// membership applies a member change to a connection, or keeps it until its subscriptions are there.
func (l *loop) membership(c *conn, ch change) {
	switch {
	case c.session.Subscribing():
		if w := l.workOf(c); l.handled >= w.since {
			w.changes = append(w.changes, ch)
		}
	case ch.leave:
		l.leave(c, ch.id)
	default:
		l.enter(c, ch.id, ch.from)
	}
}

// enter subscribes a connection from a seq on; one that is subscribed already gets the later begin.
func (l *loop) enter(c *conn, id chat.ConversationID, from chat.Seq) {
	if !l.parted(c, id) {
		return
	}
	if l.groups[id] != nil {
		if g, i := c.find(id); g != nil {
			g.since(c.groups[i].at, from)
			return
		}
	}
	l.join(c, id, from)
}

// join is enter for a connection that is not subscribed.
func (l *loop) join(c *conn, id chat.ConversationID, from chat.Seq) {
	g := l.groups[id]
	if g == nil {
		g = &group{id: id, tally: l.srv.online.enter(id, l.index)}
		l.groups[id] = g
	}
	at := g.add(c, from)
	g.tally.members.Add(1)
	if c.session.Focused(id) {
		l.sit(g, at)
	}
}

// leave ends a subscription: what is on its way to the connection already still goes to it.
func (l *loop) leave(c *conn, id chat.ConversationID) {
	g, i := c.find(id)
	if g == nil {
		return
	}
	if !g.walk.idle() {
		l.hurry(g, c)
		if g, i = c.find(id); g == nil { // it broke
			return
		}
	}
	l.quit(c, i)
}

// quit ends the subscription at place i of the connection's list.
func (l *loop) quit(c *conn, i int) {
	m := c.groups[i]
	l.rise(m.g, m.at)
	c.remove(i)
	if m.g.over {
		return
	}
	m.g.tally.members.Add(-1)
	if len(m.g.members) == 0 {
		delete(l.groups, m.g.id)
		l.srv.online.leave(m.g.id, l.index)
	}
}

// disband ends all subscriptions to a conversation.
func (l *loop) disband(id chat.ConversationID) {
	g := l.groups[id]
	if g == nil {
		return
	}
	if g.walk.idle() && len(g.members) <= walkAtOnce {
		l.dismiss(g, len(g.members))
		return
	}
	g.over = true
	g.hints.sweep = chunk.Sweep{} // the entry that made it small comes by itself
	g.tally.members.Add(-int64(len(g.members)))
	g.tally.open.Add(-int64(len(g.open)))
	delete(l.groups, id)
	l.srv.online.watch(id, l.index, false)
	l.srv.online.leave(id, l.index)
	l.endings = append(l.endings, g)
}

// endOn ends the next subscriptions to the group that was disbanded first, once what was under way to them is there.
func (l *loop) endOn() {
	if len(l.endings) == 0 {
		return
	}
	g := l.endings[0]
	if !g.walk.idle() {
		return
	}
	if l.dismiss(g, walkSlice); len(g.members) > 0 {
		return
	}
	l.endings[0] = nil
	if l.endings = l.endings[1:]; len(l.endings) == 0 {
		l.endings = nil
	}
}

// dismiss ends at most so many subscriptions to a group.
func (l *loop) dismiss(g *group, most int) {
	for n := len(g.members); n > 0 && most > 0; n, most = len(g.members), most-1 {
		m := g.members[n-1]
		l.quit(m.c, int(m.at))
	}
}

// parted sees to it that a connection is in no group of a conversation that was disbanded: something follows that must not
// overtake what is under way there. It returns false where the connection ended by that.
func (l *loop) parted(c *conn, id chat.ConversationID) bool {
	if len(l.endings) == 0 {
		return true
	}
	if g, _ := c.find(id); g == nil || !g.over {
		return true
	}
	l.leave(c, id)
	return c.flags.has(flagRouted)
}

// refocus puts in force what a connection's user has open.
func (l *loop) refocus(c *conn) {
	for _, m := range c.groups {
		is, want := m.g.members[m.at].open > 0, c.session.Focused(m.g.id)
		switch {
		case want && !is && !m.g.over:
			l.sit(m.g, m.at)
			if n := l.srv.crowd.notice(m.g.id); n.Interval > 0 {
				c.session.Tell(n.Piece(c.sub, m.g.id))
			}
		case is && !want:
			l.rise(m.g, m.at)
			if head := m.g.hints.head.Seq; head > 0 && head >= m.g.members[m.at].from { // of what was on its way it gets a hint
				l.tellHead(m.g, c)
			}
		}
	}
}

// sit has a member get a group's content.
func (l *loop) sit(g *group, at int) {
	g.sit(at)
	g.tally.open.Add(1)
	if len(g.open) == 1 {
		l.srv.online.watch(g.id, l.index, true)
	}
}

// rise ends that, where it was so.
func (l *loop) rise(g *group, at int) {
	if g.members[at].open == 0 {
		return
	}
	g.rise(at)
	if g.over {
		return
	}
	g.tally.open.Add(-1)
	if len(g.open) == 0 {
		l.srv.online.watch(g.id, l.index, false)
	}
}
