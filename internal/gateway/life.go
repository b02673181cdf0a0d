package gateway

import (
	"github.com/gobwas/ws"

	"github.com/throng-im/throng/internal/account"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/websocket"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// This file is the life of a connection on its loop: open, identity, subscriptions, and the end.

// opening is a connection that a loop is about to get.
type opening struct {
	link   carrier
	num    uint64
	from   *held
	hello  Hello
	memory *Memory
}

// open takes a connection that was opened elsewhere.
func (l *loop) open(o *opening) {
	c := l.slab.take()
	c.id, c.num, c.link = l.srv.conns.Add(1), o.num, o.link
	if o.memory != nil {
		o.memory.ref = c.ref()
	}
	l.begin(c, o.from, &o.hello)
	c.link.start(c)
	l.input(c, o.hello.First)
}

// begin makes a connection of one whose handshake is over.
func (l *loop) begin(c *conn, from *held, h *Hello) {
	c.from, c.sub, c.window = from, h.Subprotocol, h.WindowBits
	c.session.Init(l.env, c.sub, l.now)
	l.srv.metrics.connections.Inc()
	l.unchecked++
	if l.srv.echo != nil {
		l.settled(c)
	}
	if h.Token != "" {
		c.session.Authorize(h.Token, h.Device)
		if len(h.Ahead) > 0 {
			l.frame(c, h.Ahead)
		}
	}
	l.wheel.schedule(c, c.session.Tick(l.now))
}

// identity takes the decision about a token. Routes are registered before subscriptions are looked up: see doc.go, "Joining
// the stream".
func (l *loop) identity(c *conn, o *op) {
	var who account.Identity
	if o.who != nil {
		who = *o.who
	}
	w := l.workOf(c)
	began := w.began - 1
	w.began = 0
	err := o.err
	if err == nil {
		if r := l.revokedSince(who, began); r != nil {
			err = r.err()
		}
	}
	if !c.session.Authenticated(l.now, l.srv.wallMS(), o.id, who, err) {
		return
	}
	p := l.route(c, who.User)
	l.lookUp(c)
	if int(p.sessions) > l.srv.cfg.MaxPerUser+1 { // one more: the session that this one is about to replace
		c.session.End(throngv1.CloseCode_CLOSE_CODE_TOO_MANY_REQUESTS, "too_many_sessions", 0)
		return
	}
	l.srv.replaceOthers(l, c, who, p.loops)
	if l.srv.deps.Devices != nil {
		l.srv.deps.Devices.Opened(who.User, who.Device, c.id)
	}
	next := c.session.Tick(l.now)
	if c.flags.has(flagTogether) {
		next = min(next, c.dueAt())
	}
	l.wheel.schedule(c, next)
}

// route registers the connection's user.
func (l *loop) route(c *conn, user chat.UserID) whereabouts {
	c.next = l.users[user]
	l.users[user] = c
	c.flags |= flagRouted
	l.settled(c)
	l.srv.metrics.sessions.Inc()
	if l.srv.deps.Presence != nil {
		l.srv.deps.Presence.Opened(c.id, user)
	}
	return l.srv.online.add(user, l.index)
}

// settled tells the admission that the connection does not wait for its token any more.
func (l *loop) settled(c *conn) {
	if !c.flags.has(flagAuthed) {
		c.flags |= flagAuthed
		l.unchecked--
		if w := c.work; w != nil {
			l.early -= w.early
			w.early = 0
		}
		l.srv.admission.settled(c.from)
	}
}

func (l *loop) unroute(c *conn) {
	if !c.flags.has(flagRouted) {
		return
	}
	c.flags &^= flagRouted
	l.reviewed(c)
	if c.lookedUp() {
		l.found(c)
	}
	for n := len(c.groups); n > 0; n = len(c.groups) {
		l.quit(c, n-1)
	}
	user := c.session.Who().User
	if l.srv.deps.Devices != nil {
		l.srv.deps.Devices.Closed(user, c.session.Who().Device, c.id)
	}
	if l.srv.deps.Presence != nil {
		l.srv.deps.Presence.Closed(c.id, user)
	}
	first := l.users[user]
	if first == c {
		first = c.next
	} else {
		for other := first; other != nil; other = other.next {
			if other.next == c {
				other.next = c.next
				break
			}
		}
	}
	c.next = nil
	if first == nil {
		delete(l.users, user)
	} else {
		l.users[user] = first
	}
	l.srv.metrics.sessions.Dec()
	l.srv.online.remove(user, l.index, first == nil)
}

// replace ends the sessions of a device that are older than the one with the given connection id (S-12).
func (l *loop) replace(who *account.Identity, id uint64) {
	for c := l.users[who.User]; c != nil; {
		next := c.next
		if c.session.Who().Device == who.Device && c.id < id {
			c.session.End(throngv1.CloseCode_CLOSE_CODE_REPLACED, "replaced", 0)
			l.after(c)
		}
		c = next
	}
}

// finish says goodbye: what waits, then the close frame. The carrier is closed when the peer has answered, or when it
// lingers too long.
func (l *loop) finish(c *conn, code uint16, word string) {
	if c.flags.has(flagClosing) {
		return
	}
	c.flags |= flagClosing
	l.unroute(c)
	l.settled(c)
	l.srv.metrics.closed(code, c.flags.has(flagPeerEnd))
	w := l.workOf(c)
	w.goodbye = websocket.AppendClose(nil, ws.StatusCode(code), word)
	w.endAt = l.now + l.srv.cfg.Linger.Milliseconds()
	l.wheel.schedule(c, w.endAt)
	l.mark(c)
}

// peerClose answers the peer's close frame.
func (l *loop) peerClose(c *conn, code uint16) {
	c.flags |= flagPeerEnd
	if c.flags.has(flagClosing) {
		if !c.flags.has(flagWriting) && len(l.workOf(c).goodbye) == 0 {
			l.drop(c)
		}
		return
	}
	c.session.Cut()
	l.finish(c, code, "")
}

// drop closes the connection and forgets it.
func (l *loop) drop(c *conn) {
	if c.id == 0 {
		return
	}
	if c.from != nil {
		l.unroute(c)
		l.settled(c)
		l.srv.admission.leave(c.from)
		l.srv.metrics.connections.Dec()
		c.session.Release()
	}
	keeps := c.link.hangUp(c)
	l.forget(c, keeps)
}

// forget gives the connection's slot back; kept says that the carrier may still read what it was to write.
func (l *loop) forget(c *conn, kept bool) {
	if w := c.work; w != nil {
		if w.head != nil {
			l.callers.remove(c)
		}
		if !kept && w.buf != nil {
			l.env.Put(w.buf)
		}
		l.putWork(w)
	}
	l.slab.give(c)
}

// due looks at a connection whose turn has come.
func (l *loop) due(c *conn) {
	if c.id == 0 {
		return
	}
	if w := c.work; w != nil && (w.endAt != 0 || w.head != nil) {
		end := w.endAt
		if end == 0 {
			end = w.head.until
		}
		if l.now >= end {
			l.drop(c)
			return
		}
		l.wheel.schedule(c, end)
		return
	}
	if c.flags.has(flagTogether) { // it has waited for long enough
		c.flags &^= flagTogether
		l.mark(c)
	}
	next := min(c.session.Tick(l.now), l.probe(c))
	if c.flags.has(flagWriting) {
		next = min(next, l.progress(c))
	}
	l.after(c)
	if c.id != 0 && !c.flags.has(flagClosing) {
		l.wheel.schedule(c, next)
	}
}

// progress ends a connection whose receiver has taken nothing for too long; it returns when to look again.
func (l *loop) progress(c *conn) (next int64) {
	stall := l.srv.cfg.Stall.Milliseconds()
	if l.now-c.work.sawAt >= stall {
		c.session.Outbox().Drop()
		c.session.End(throngv1.CloseCode_CLOSE_CODE_SLOW, "slow_receiver", 0)
	}
	return c.work.sawAt + stall
}

// close drops everything at the end of the loop.
func (l *loop) close() {
	l.slab.all(func(c *conn) bool { l.drop(c); return true })
}
