package gateway

import (
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/chunk"
)

// This file is how a loop's connections come into its groups and go from them, and what of them their users have open.

// membership applies a member change to a connection, or keeps it until its subscriptions are there.
func (l *loop) membership(c *conn, ch change) {
	switch {
	case c.lookedUp():
		if w := c.work; l.handled >= w.since {
			w.changes = append(w.changes, ch)
		}
	case c.flags.has(flagDoubted): // what will be looked up knows it
	default:
		if g := l.groups[ch.id]; g != nil && !ch.leave && ch.from < g.seen && ch.from > g.hints.head.Seq {
			g.seen = ch.from // what the group began with was ahead of the stream
		}
		l.apply(c, ch)
		if !ch.leave && c.flags.has(flagRouted) && !c.awaited() && l.hidden(c) {
			l.reveal(c)
		}
	}
}

// apply applies a member change to a connection whose subscriptions are there.
func (l *loop) apply(c *conn, ch change) {
	if ch.leave {
		l.leave(c, ch.id, ch.from)
	} else {
		l.enter(c, ch.id, ch.from)
	}
}

// enter subscribes a connection from a seq on; one that is subscribed already gets the later begin.
func (l *loop) enter(c *conn, id chat.ConversationID, from chat.Seq) {
	if !l.parted(c, id) || c.flags.has(flagDoubted) {
		return
	}
	g := l.groups[id]
	if g == nil {
		g = l.form(id, from)
	} else if in, i := c.find(id); in != nil {
		g.since(c.groups[i].at, from)
		return
	}
	if from < g.seen { // it comes late: the user may have left again since
		l.doubt(c)
		return
	}
	l.join(c, g, from)
}

// join subscribes a connection that is not subscribed.
func (l *loop) join(c *conn, g *group, from chat.Seq) {
	at := g.add(c, from)
	g.tally.members.Add(1)
	if c.session.Focused(g.id) {
		l.sit(g, at)
	}
}

// leave ends a subscription, unless it began behind the entry that ends it (0: whichever). What is on its way to the connection already
// still goes to it.
func (l *loop) leave(c *conn, id chat.ConversationID, by chat.Seq) {
	g, i := c.find(id)
	if g == nil || (by != 0 && g.members[c.groups[i].at].from > by) {
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
		if m.g.doubted {
			l.doubt(c)
		}
		return
	}
	m.g.tally.members.Add(-1)
	switch {
	case len(m.g.members) > 0:
	case l.calm():
		l.remove(m.g.id)
	default:
		l.keep(m.g)
	}
}

// disband ends all subscriptions to a conversation that has become small with an entry, unless it has grown again since.
func (l *loop) disband(id chat.ConversationID, by chat.Seq) {
	g := l.groups[id]
	if g == nil || (by != 0 && max(g.seen, g.hints.head.Seq) > by) {
		return
	}
	if g.walk.idle() && len(g.members) <= walkAtOnce {
		l.dismiss(g, len(g.members))
	} else {
		l.retire(g)
	}
	switch {
	case !l.calm():
		l.succeed(g, max(g.seen, by)) // who is being looked up is held against it
	case l.groups[id] != nil:
		l.remove(id)
	}
}

// retire has a group's members leave it in slices, as one that is over: whoever calls it takes it out of the table.
func (l *loop) retire(g *group) {
	g.over = true
	g.hints.sweep = chunk.Sweep{} // something else tells them
	g.tally.members.Add(-int64(len(g.members)))
	g.tally.open.Add(-int64(len(g.open)))
	l.srv.online.watch(g.id, l.index, false)
	l.endings = append(l.endings, g)
}

// endOn ends the next subscriptions to the groups that are over, in turn, each once what was under way to its members is there.
func (l *loop) endOn() {
	for most := walkSlice; most > 0 && len(l.endings) > 0 && l.endings[0].walk.idle(); {
		g := l.endings[0]
		if most -= l.dismiss(g, most); len(g.members) > 0 {
			return
		}
		l.endings[0] = nil
		if l.endings = l.endings[1:]; len(l.endings) == 0 {
			l.endings = nil
		}
	}
}

// dismiss ends at most so many subscriptions to a group and returns how many they were.
func (l *loop) dismiss(g *group, most int) (n int) {
	for ; n < most && len(g.members) > 0; n++ {
		m := g.members[len(g.members)-1]
		l.quit(m.c, int(m.at))
	}
	return n
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
	l.leave(c, id, 0)
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
