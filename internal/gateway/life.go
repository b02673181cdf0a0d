package gateway

import (
	"time"

	"github.com/gobwas/ws"

	"github.com/throng-im/throng/internal/account"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/session"
	"github.com/throng-im/throng/internal/websocket"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// This file is the life of a connection on its loop: open, identity, subscriptions, writing, and the end.

func (l *loop) open(c *conn, token, device string) {
	c.session.Init(l.env, c.sub, l.now)
	c.at = len(l.conns)
	l.conns = append(l.conns, c)
	if token != "" {
		c.session.Authorize(token, device)
	}
	l.wheel.schedule(c, c.session.Tick(l.now))
}

// dispatch makes the calls that the session asked for.
func (l *loop) dispatch(c *conn) {
	for _, call := range c.session.Calls() {
		switch call.Kind {
		case session.CallSend:
			id, conversation := call.ID, call.Draft.Conversation
			// The answer comes back as an operation: done may be called from anywhere, also before Submit returns.
			l.srv.deps.Sender.Submit(call.Draft, func(r chat.Result) {
				if r.Err != nil && l.srv.deps.Limits != nil {
					l.srv.deps.Limits.GiveSend(conversation)
				}
				l.inbox.Put(op{kind: opSent, c: c, id: id, result: &r})
			})
		case session.CallAuthenticate:
			c.began = l.revokes
			l.work(c, call)
		case session.CallSubscribe, session.CallRequest:
			l.work(c, call)
		}
	}
}

func (l *loop) work(c *conn, call session.Call) {
	if l.srv.workers.offer(job{c: c, call: call, who: c.session.Who()}) {
		return
	}
	err := chat.Errorf(chat.CodeUnavailable, chat.ReasonOverloaded, "too many requests are waiting; try again")
	err.RetryAfter = time.Second
	l.inbox.Put(failed(c, call, err))
}

// identity takes the decision about a token. Routes are registered before subscriptions are looked up: see doc.go, "Joining
// the stream".
func (l *loop) identity(c *conn, o *op) {
	var who account.Identity
	if o.who != nil {
		who = *o.who
	}
	err := o.err
	if err == nil {
		if r := l.revokedSince(who, c.began); r != nil {
			err = r.err()
		}
	}
	if !c.session.Authenticated(l.now, l.srv.wallMS(), o.id, who, err) {
		return
	}
	p := l.route(c, who.User)
	if int(p.sessions) > l.srv.cfg.MaxPerUser+1 { // one more: the session that this one is about to replace
		c.session.End(throngv1.CloseCode_CLOSE_CODE_TOO_MANY_REQUESTS, "too_many_sessions", 0)
		return
	}
	l.srv.replaceOthers(l, c, who, p.loops)
	l.wheel.schedule(c, c.session.Tick(l.now))
}

// route registers the connection's user.
func (l *loop) route(c *conn, user chat.UserID) presence {
	l.users[user] = append(l.users[user], c)
	c.flags |= flagRouted
	l.settled(c)
	l.srv.metrics.sessions.Inc()
	return l.srv.online.add(user, l.index)
}

// settled tells the admission that the connection does not wait for its token any more.
func (l *loop) settled(c *conn) {
	if !c.flags.has(flagAuthed) {
		c.flags |= flagAuthed
		l.srv.admission.settled(c.addr)
	}
}

func (l *loop) unroute(c *conn) {
	if !c.flags.has(flagRouted) {
		return
	}
	c.flags &^= flagRouted
	for len(c.groups) > 0 {
		l.leave(c, c.groups[len(c.groups)-1].g.id)
	}
	user := c.session.Who().User
	list := l.users[user]
	for i, other := range list {
		if other == c {
			list[i] = list[len(list)-1]
			list[len(list)-1] = nil
			list = list[:len(list)-1]
			break
		}
	}
	if len(list) == 0 {
		delete(l.users, user)
	} else {
		l.users[user] = list
	}
	l.srv.metrics.sessions.Dec()
	l.srv.online.remove(user, l.index, len(list) == 0)
}

// subscribed takes the subscriptions as of a moment after the routes stood, and on top of them the member changes that came
// in between, which are at least as new.
func (l *loop) subscribed(c *conn, o *op) {
	if c.session.Subscribing() && o.err == nil {
		for _, s := range o.subs {
			if l.groups.join(c, s.Conversation, s.From) { // each is listed once
				l.srv.online.enter(s.Conversation, l.index)
			}
		}
		for _, ch := range c.changes {
			if ch.leave {
				l.leave(c, ch.id)
			} else {
				l.enter(c, ch.id, ch.from)
			}
		}
	}
	c.changes = nil
	c.session.Subscribed(l.now, l.srv.wallMS(), l.srv.deps.Epoch(), o.err)
}

// replace ends the sessions of a device that are older than the one with the given connection id (S-12).
func (l *loop) replace(who *account.Identity, id uint64) {
	for i := len(l.users[who.User]) - 1; i >= 0; i-- {
		list := l.users[who.User]
		if i >= len(list) {
			continue
		}
		if c := list[i]; c.session.Who().Device == who.Device && c.id < id {
			c.session.End(throngv1.CloseCode_CLOSE_CODE_REPLACED, "replaced", 0)
			l.after(c)
		}
	}
}

// write hands what waits to the transport: control frames, one data frame, the close frame.
func (l *loop) write(c *conn) {
	if c.flags&(flagWriting|flagGone) != 0 {
		return
	}
	frame := c.session.Outbox().Take()
	l.stats.collapsed += c.session.Outbox().Collapsed()
	var buf, bytes []byte
	switch {
	case frame != nil && len(c.control) == 0 && len(c.goodbye) == 0:
		buf, bytes = frame, websocket.Seal(frame, opcode(c.sub))
	case frame == nil && len(c.control) == 0 && len(c.goodbye) == 0:
		return
	default:
		buf = append(l.env.Get(), c.control...)
		if frame != nil {
			buf = append(buf, websocket.Seal(frame, opcode(c.sub))...)
			l.env.Put(frame)
		}
		buf = append(buf, c.goodbye...)
		bytes = buf
	}
	c.control, c.goodbye = nil, nil
	l.stats.frames++
	l.stats.bytes += len(bytes)
	n, err := c.tr.TryWrite(bytes)
	if err != nil {
		l.drop(c)
		return
	}
	if n == len(bytes) {
		l.env.Put(buf)
		l.afterWrite(c)
		return
	}
	c.flags |= flagWriting
	c.session.Outbox().Hold(len(bytes) - n)
	c.sawTaken, c.sawAt = c.taken.Load(), l.now
	l.wheel.schedule(c, min(l.now+l.srv.cfg.Stall.Milliseconds(), c.dueAt()))
	l.srv.readers.Add(1)
	go c.write(buf, bytes[n:]) // ends when all is written or drop closes the transport
}

// dueAt is the time of the connection's entry in the wheel.
func (c *conn) dueAt() int64 {
	if c.due == 0 {
		return 1 << 62
	}
	return (c.due - 1) * tick.Milliseconds()
}

// written takes the writer's report.
func (l *loop) written(c *conn, buf []byte, err error) {
	l.env.Put(buf)
	c.flags &^= flagWriting
	c.session.Outbox().Hold(0)
	if err != nil {
		l.drop(c)
		return
	}
	l.afterWrite(c)
	if !c.flags.has(flagGone) && (len(c.control) > 0 || len(c.goodbye) > 0) {
		l.mark(c)
	}
}

// afterWrite goes on once the transport has taken everything: frames that were held back are allowed, and a connection
// that has said its goodbye after the peer's is closed.
func (l *loop) afterWrite(c *conn) {
	if c.flags.has(flagClosing) && c.flags.has(flagPeerEnd) && len(c.goodbye) == 0 {
		l.drop(c)
		return
	}
	for ; c.held > 0 && !c.session.Congested(); c.held-- {
		<-c.credit
	}
	if c.session.Starved() {
		c.session.Drained()
		l.dispatch(c)
	}
}

// finish says goodbye: what waits, then the close frame. The transport is closed when the peer has answered, or when it
// lingers too long.
func (l *loop) finish(c *conn, code uint16, word string) {
	if c.flags.has(flagClosing) {
		return
	}
	c.flags |= flagClosing
	l.unroute(c)
	l.settled(c)
	l.srv.metrics.closed(code, c.flags.has(flagPeerEnd))
	c.goodbye = websocket.AppendClose(nil, ws.StatusCode(code), word)
	c.endAt = l.now + l.srv.cfg.Linger.Milliseconds()
	l.wheel.schedule(c, c.endAt)
	l.mark(c)
}

// peerClose answers the peer's close frame.
func (l *loop) peerClose(c *conn, code uint16) {
	c.flags |= flagPeerEnd
	if c.flags.has(flagClosing) {
		if !c.flags.has(flagWriting) && len(c.goodbye) == 0 {
			l.drop(c)
		}
		return
	}
	c.session.Cut()
	l.finish(c, code, "")
}

// breach ends a connection that broke the framing (S-23).
func (l *loop) breach(c *conn, code uint16, word string) {
	c.session.Cut()
	l.finish(c, code, word)
}

// drop closes the transport and forgets the connection.
func (l *loop) drop(c *conn) {
	if c.flags.has(flagGone) {
		return
	}
	c.flags |= flagGone
	l.unroute(c)
	l.settled(c)
	c.session.Cut()
	c.session.Outbox().Hold(0)
	close(c.gone)
	if err := c.tr.Close(); err != nil {
		l.srv.log.Debug("closing a connection", "session", c.id, "error", err)
	}
	last := len(l.conns) - 1
	l.conns[c.at] = l.conns[last]
	l.conns[c.at].at = c.at
	l.conns[last] = nil
	l.conns = l.conns[:last]
	l.srv.admission.leave(c.addr)
	l.srv.metrics.connections.Dec()
}

// due looks at a connection whose turn has come.
func (l *loop) due(c *conn) {
	switch {
	case c.flags.has(flagGone):
		return
	case c.endAt != 0:
		if l.now >= c.endAt {
			l.drop(c)
			return
		}
		l.wheel.schedule(c, c.endAt)
		return
	}
	next := c.session.Tick(l.now)
	if c.flags.has(flagWriting) {
		next = min(next, l.progress(c))
	}
	l.after(c)
	if c.endAt == 0 {
		l.wheel.schedule(c, next)
	}
}

// progress ends a connection whose receiver has taken nothing for too long; it returns when to look again.
func (l *loop) progress(c *conn) (next int64) {
	stall := l.srv.cfg.Stall.Milliseconds()
	if n := c.taken.Load(); n != c.sawTaken {
		c.sawTaken, c.sawAt = n, l.now
	} else if l.now-c.sawAt >= stall {
		c.session.Outbox().Drop()
		c.session.End(throngv1.CloseCode_CLOSE_CODE_SLOW, "slow_receiver", 0)
	}
	return c.sawAt + stall
}

// close drops everything at the end of the loop.
func (l *loop) close() {
	for len(l.conns) > 0 {
		l.drop(l.conns[len(l.conns)-1])
	}
}
