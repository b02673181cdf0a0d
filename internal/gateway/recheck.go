package gateway

import (
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/chunk"
	"github.com/throng-im/throng/internal/cluster"
)

// This file is how a loop notices that a member change has passed it by, or may have, and what it does then: see doc.go, "What a node
// has missed".

// passing holds an entry that comes by group route against the member changes that the loop knows of, and returns the group that is to
// get it; nil where that is nobody.
func (l *loop) passing(d *cluster.Delivery) *group {
	g, was, change := l.groups[d.Conversation], d.Head.MemberSeq, d.Head.MemberSeq == d.Entry.Seq
	if change {
		was = d.MemberWas
	}
	switch {
	case g == nil && !change:
		return nil
	case g == nil:
		// Who is about to join is to know of it, and whom it makes a member may not have been told.
		if in, _ := d.Entry.Moves(); l.lookups == 0 && !l.anyOf(in, func(*conn) bool { return true }) {
			return nil
		}
		g = l.form(d.Conversation, was)
		l.keep(g)
	case (was > g.seen && !l.wentAll(g, was)) || !l.trusts(g):
		if mutant != mutantNotRechecked {
			g = l.recheck(g, max(was, g.seen))
		}
	}
	if change && d.Entry.Seq > g.seen {
		l.moved(g, d)
	}
	return g
}

// moved takes in a member change that passes. Those who came were subscribed before it. Those who go are told after it: until then it
// does not count as seen, so that where they are not told the next entry shows it.
func (l *loop) moved(g *group, d *cluster.Delivery) {
	in, _ := d.Entry.Moves()
	l.each(in, func(c *conn) { l.membership(c, change{id: g.id, from: d.Entry.Seq}) })
	g.going, g.passed = d.Entry, l.handled
	l.wentAll(g, d.Entry.Seq)
}

// wentAll reports that nobody is here any more who went with the change at a seq, which then counts as seen.
func (l *loop) wentAll(g *group, seq chat.Seq) bool {
	if g.going == nil || g.going.Seq != seq {
		return false
	}
	_, out := g.going.Moves()
	if l.anyOf(out, func(c *conn) bool {
		in, i := c.find(g.id)
		return (c.lookedUp() && c.work.since <= g.passed) || (in == g && g.members[c.groups[i].at].from <= seq)
	}) {
		return false
	}
	g.seen, g.going = seq, nil
	return true
}

// gone takes in that all who left with an entry were told: where it is the next change, it was seen.
func (g *group) gone(d *cluster.Delivery) {
	if d.From > g.seen && d.MemberWas <= g.seen && d.MemberWas != 0 {
		g.seen, g.going = d.From, nil
	}
}

// trusts reports that the group was made since the loop has missed deliveries of any kind.
func (l *loop) trusts(g *group) bool { return g.born > l.missed }

// recheck has all members of a group looked up again, of whom it is not known any more whether they still are members: somebody's leave
// was missed. It returns the group that takes those who join from now on.
func (l *loop) recheck(g *group, seen chat.Seq) *group {
	if len(g.members) > 0 {
		if l.trusts(g) {
			l.stats.rechecks++
		}
		g.doubted = true
		l.retire(g)
	}
	return l.succeed(g, seen)
}

// succeed has a conversation's group begin again without members, and keep track of the changes that pass until somebody joins.
func (l *loop) succeed(g *group, seen chat.Seq) *group {
	if g.over {
		g = &group{id: g.id, tally: g.tally, hidden: g.hidden, hints: hinting{head: g.hints.head}}
		l.groups[g.id] = g
	}
	g.hints.sweep = chunk.Sweep{}
	g.begin(seen, l.handled)
	l.keep(g)
	return g
}

// doubt takes a connection out of all its groups and has its subscriptions looked up again.
func (l *loop) doubt(c *conn) {
	if c.flags.has(flagDoubted) || !c.flags.has(flagRouted) {
		return
	}
	c.flags |= flagDoubted
	for id := c.id; len(c.groups) > 0; {
		if l.leave(c, c.groups[0].g.id, 0); c.id != id { // it broke
			return
		}
	}
	if !c.awaited() { // else what comes back is not taken
		l.doubts.add(c)
	}
}

// Resync has all open sessions looked up again, and each told that it may have missed something: the node may have missed deliveries of
// any kind. Until a session was looked up it gets no content by group route. It may be called again while that is under way.
func (s *Server) Resync() {
	for _, l := range s.loops {
		l.inbox.Put(op{kind: opResync})
	}
}

// resync begins to doubt everybody.
func (l *loop) resync() { l.missed, l.doubting = l.handled, 0 }

// doubtOn doubts the next connections.
func (l *loop) doubtOn() {
	if l.doubting < 0 {
		return
	}
	for end := l.doubting + walkSlice; l.doubting < end; l.doubting++ {
		c := l.slab.at(uint32(l.doubting))
		if c == nil {
			l.doubting = -1
			return
		}
		if c.id != 0 && !c.lookedUp() { // what is being looked up is held against the time when it began
			l.doubt(c)
		}
	}
}

// each does something to all connections of users. One that breaks by it leaves the list.
func (l *loop) each(users []chat.UserID, do func(c *conn)) {
	for _, u := range users {
		for c := l.users[u]; c != nil; {
			next := c.next
			do(c)
			c = next
		}
	}
}

// anyOf reports that one of the connections of users is so.
func (l *loop) anyOf(users []chat.UserID, so func(c *conn) bool) bool {
	for _, u := range users {
		for c := l.users[u]; c != nil; c = c.next {
			if so(c) {
				return true
			}
		}
	}
	return false
}
