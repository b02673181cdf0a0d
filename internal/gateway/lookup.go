package gateway

import (
	"slices"
	"time"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/session"
)

// This file is how subscriptions are looked up: when a session opens, and again for those who are in doubt.

const (
	// lookEvery is how often sessions are looked up that are in doubt.
	lookEvery = 20 * time.Millisecond
	// lookRest is how long that rests after an error.
	lookRest = time.Second
)

// lookedUp reports that the connection's subscriptions are being looked up: member changes are kept until they are there.
func (c *conn) lookedUp() bool { return c.work != nil && c.work.since != 0 }

// awaited reports that something about the connection's subscriptions is on its way back from a worker.
func (c *conn) awaited() bool { return c.lookedUp() || (c.work != nil && c.work.revealing != 0) }

// lookUp notes that a connection's subscriptions are looked up from now on. What stands in the inbox by now is in what is found.
func (l *loop) lookUp(c *conn) {
	l.workOf(c).since = l.inbox.posted()
	l.lookups++
}

// found ends that; it returns what was noted and kept.
func (l *loop) found(c *conn) (since uint64, changes []change) {
	w := c.work
	since, changes = w.since, w.changes
	w.since, w.changes = 0, nil
	l.lookups--
	return since, changes
}

// subscribed takes the subscriptions as of a moment after the routes stood.
func (l *loop) subscribed(c *conn, o *op) {
	if !c.lookedUp() { // it has ended
		return
	}
	since, changes := l.found(c)
	switch {
	case o.err != nil:
	case since <= l.missed:
		l.doubt(c)
	default:
		l.admit(c, o.subs, changes, since)
	}
	switch {
	case !c.flags.has(flagRouted): // it broke
	case c.flags.has(flagDoubted):
		l.reviewed(c)
		l.doubts.add(c)
	case o.err == nil && l.hidden(c):
		l.reveal(c)
	default:
		l.subscribe(c, o.err)
	}
}

// hidden reports that other nodes may not see the route of one of a connection's groups yet.
func (l *loop) hidden(c *conn) bool {
	some := func() bool { return slices.ContainsFunc(c.groups, func(m membership) bool { return m.g.hidden }) }
	if !some() {
		return false
	}
	if l.srv.online.settled() {
		c.visible(l.handled)
	}
	return some()
}

// visible notes that every node sees the routes of the connection's groups that began up to an operation.
func (c *conn) visible(upTo uint64) {
	for _, m := range c.groups {
		m.g.hidden = m.g.hidden && m.g.born > upTo
	}
}

// reveal has a worker see to it that every node sees the routes of a connection's groups; until then deliveries may miss it.
func (l *loop) reveal(c *conn) {
	l.workOf(c).revealing = l.handled
	l.ask(c, true)
}

// revealed takes that every node sees the routes of the groups that a connection had then.
func (l *loop) revealed(c *conn, err error) {
	upTo := c.work.revealing
	c.work.revealing = 0
	if err == nil {
		c.visible(upTo)
	}
	switch {
	case !c.flags.has(flagRouted): // it has ended
	case c.flags.has(flagDoubted):
		l.reviewed(c)
		l.doubts.add(c)
	case err == nil && l.hidden(c): // it has joined another group meanwhile
		l.reveal(c)
	default:
		l.subscribe(c, err)
	}
}

// subscribe tells the session that its subscriptions stand, or why they do not: one that opens ends by that, another is looked up again.
func (l *loop) subscribe(c *conn, err error) {
	l.reviewed(c)
	switch {
	case c.session.Subscribing():
		c.session.Subscribed(l.now, l.srv.wallMS(), l.srv.deps.Epoch(), err)
		l.wheel.schedule(c, min(l.now+l.pingAfter(), c.dueAt()))
	case err != nil:
		l.lookAt = time.Since(l.start) + lookRest
		l.doubt(c)
	default:
		c.session.Missed()
	}
}

// admit joins a connection to the groups that were found, and applies on top of them the member changes that came in between, which are
// at least as new.
func (l *loop) admit(c *conn, subs []Subscription, changes []change, since uint64) {
	for i := range subs { // each is listed once
		g := l.vouched(&subs[i], since)
		if g == nil {
			l.doubt(c)
			return
		}
		l.join(c, g, subs[i].From)
	}
	for _, ch := range changes {
		if l.apply(c, ch); c.flags&(flagDoubted|flagRouted) != flagRouted {
			return
		}
	}
}

// vouched returns the group for a subscription that was looked up; nil where a change may lie between that and what the group has seen.
func (l *loop) vouched(s *Subscription, since uint64) *group {
	g := l.groups[s.Conversation]
	switch {
	case g == nil:
		return l.form(s.Conversation, s.MemberSeq)
	case l.trusts(g) && s.MemberSeq < g.floor && since <= g.born, !l.trusts(g) && len(g.members) > 0:
		return nil
	case len(g.members) == 0 && (s.MemberSeq > g.seen || !l.trusts(g)):
		g.begin(s.MemberSeq, l.handled)
	}
	return g
}

// ask has a worker look up a connection's subscriptions, or only see to it that its routes are visible.
func (l *loop) ask(c *conn, reveal bool) {
	l.give(job{ref: c.ref(), loop: l, sub: c.sub, call: session.Call{Kind: session.CallSubscribe}, who: c.session.Who(), reveal: reveal})
}

// lookOn has the next of those looked up who are in doubt, at a rate that leaves the store and the workers to others.
func (l *loop) lookOn() {
	if l.doubts.empty() || l.doubting >= 0 {
		return
	}
	now := time.Since(l.start)
	if now < l.lookAt {
		return
	}
	apart := max(time.Second*time.Duration(len(l.srv.loops))/time.Duration(l.srv.cfg.ResyncRate), 1)
	for n := max(1, int(lookEvery/apart)); n > 0 && l.reviews < l.mostReviews(); {
		c := l.doubts.next()
		if c == nil {
			return
		}
		if c.flags.has(flagDoubted|flagRouted) && !c.awaited() { // else it has ended, or stands there twice
			c.flags = c.flags&^flagDoubted | flagReviewed
			l.reviews++
			l.stats.lookups++
			l.lookUp(c)
			l.ask(c, false)
			n--
		}
	}
	l.lookAt = now + max(apart, lookEvery)
}

// reviewed notes that a connection that was in doubt is not looked up any more.
func (l *loop) reviewed(c *conn) {
	if c.flags.has(flagReviewed) {
		c.flags &^= flagReviewed
		l.reviews--
	}
}

// mostReviews is how many of those in doubt are looked up at one time: half of the workers are for others.
func (l *loop) mostReviews() int { return max(1, l.srv.cfg.Workers/2/len(l.srv.loops)) }

// calm reports that nobody is about to join a group again.
func (l *loop) calm() bool {
	return l.doubts.empty() && l.doubting < 0 && l.lookups == 0 && len(l.endings) == 0
}

// keep has a group stay that may have no members, for those who are about to join it again and to know what changed meanwhile.
func (l *loop) keep(g *group) {
	if !g.kept {
		g.kept = true
		l.spare = append(l.spare, g)
	}
}

// tidyOn lets go of the next groups that were kept for those who might come back.
func (l *loop) tidyOn() {
	if len(l.spare) == 0 || !l.calm() {
		return
	}
	for n := min(walkSlice, len(l.spare)); n > 0; n-- {
		last := len(l.spare) - 1
		g := l.spare[last]
		l.spare[last] = nil
		l.spare, g.kept = l.spare[:last], false
		if l.groups[g.id] == g && len(g.members) == 0 {
			l.remove(g.id)
		}
	}
	if len(l.spare) == 0 {
		l.spare = nil
	}
}

// form makes the group of a conversation that has none here. Who joins is a member as of a member change or later.
func (l *loop) form(id chat.ConversationID, seen chat.Seq) *group {
	g := &group{id: id, tally: l.srv.online.enter(id, l.index), hidden: true}
	g.begin(seen, l.handled)
	l.groups[id] = g
	return g
}

// remove forgets the group of a conversation, which has no members.
func (l *loop) remove(id chat.ConversationID) {
	delete(l.groups, id)
	l.srv.online.leave(id, l.index)
}
