package gateway

import (
	"errors"

	"github.com/gobwas/ws"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/session"
	"github.com/throng-im/throng/internal/websocket"
	"github.com/throng-im/throng/internal/wire"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// This file is what comes in: bytes, the events in them, requests.

// input takes bytes that came on a connection; it borrows them. A session that takes no more for now has the rest kept, and nothing more
// is read until [loop.resume].
func (l *loop) input(c *conn, b []byte) {
	if c.from == nil {
		l.knock(c, b)
		return
	}
	if c.flags.has(flagDeaf) {
		return
	}
	if len(b) > 0 {
		l.heard(c)
	}
	c.flags &^= flagUnread
	settings := l.srv.readings.of(c.flags.has(flagAuthed), c.sub, c.window != 0)
	for {
		if l.congested(c) {
			c.reader.Keep(b)
			c.flags |= flagUnread
			break
		}
		ev, rest, ok, err := c.reader.Next(settings, b)
		if err != nil {
			l.violation(c, err)
			break
		}
		if !ok {
			break
		}
		b = rest
		l.event(c, ev)
		if c.id == 0 { // it was dropped
			return
		}
		if c.flags.has(flagDeaf) {
			break
		}
	}
	if !c.flags.has(flagAuthed) {
		l.bound(c)
	}
	l.after(c)
}

const (
	// earlyEach is how much of a frame everybody may have under way without a token.
	earlyEach = 32 << 10
	// earlyAll is how much all of a loop may; who is above its part then is closed.
	earlyAll = 8 << 20
)

// bound keeps those who have shown no token from filling the memory with beginnings of frames.
func (l *loop) bound(c *conn) {
	held := c.reader.Held()
	if held == 0 && (c.work == nil || c.work.early == 0) {
		return
	}
	w := l.workOf(c)
	l.early += held - w.early
	w.early = held
	if held > earlyEach && l.early > earlyAll {
		c.flags |= flagDeaf
		c.reader = websocket.Reader{}
		c.session.End(throngv1.CloseCode_CLOSE_CODE_OVERLOAD, string(chat.ReasonOverloaded), 1_000)
	}
}

// resume goes on with what was kept back.
func (l *loop) resume(c *conn) {
	c.flags &^= flagUnread
	l.input(c, nil)
	if c.id != 0 && !c.flags.has(flagUnread) {
		c.link.resume(c)
	}
}

// violation ends a connection that broke the framing (S-23). What comes after that is read and dropped until the connection closes: a close
// with unread bytes would reset it and take the goodbye with it.
func (l *loop) violation(c *conn, err error) {
	b := &websocket.Breach{Code: ws.StatusProtocolError, Reason: err.Error()}
	errors.As(err, &b)
	c.flags |= flagDeaf
	c.session.Cut()
	l.finish(c, uint16(b.Code), b.Reason)
}

func (l *loop) event(c *conn, ev websocket.Event) {
	switch ev.Op {
	case ws.OpPing:
		l.pong(c, ev.Payload)
	case ws.OpPong:
	case ws.OpClose:
		code, err := websocket.CloseCode(ev.Payload)
		if err != nil {
			l.violation(c, err)
			return
		}
		c.flags |= flagDeaf
		l.peerClose(c, uint16(code))
	default:
		if l.srv.echo != nil {
			l.echo(c, ev)
			return
		}
		l.frame(c, ev.Payload)
	}
}

// frame hands a frame's requests to the session.
func (l *loop) frame(c *conn, payload []byte) {
	envs, err := wire.DecodeClientFrame(c.sub, payload)
	if err != nil { // S-22
		c.flags |= flagDeaf
		c.session.End(throngv1.CloseCode_CLOSE_CODE_BAD_FRAME, string(chat.AsError(err).Reason), 0)
	}
	for _, env := range envs {
		c.session.Handle(l.now, env)
		l.dispatch(c)
	}
	l.stats.requests += len(envs)
}

// dispatch makes the calls that the session asked for.
func (l *loop) dispatch(c *conn) {
	if c.session.Refocused() {
		l.refocus(c)
	}
	l.there(c)
	for _, call := range c.session.Calls() {
		switch call.Kind {
		case session.CallSend:
			r, id, conversation := c.ref(), call.ID, call.Draft.Conversation
			// The answer comes back as an operation: done may be called from anywhere, also before Submit returns.
			l.srv.deps.Sender.Submit(call.Draft, func(res chat.Result) {
				if res.Err != nil && l.srv.deps.Limits != nil {
					l.srv.deps.Limits.GiveSend(conversation)
				}
				l.inbox.Put(op{kind: opSent, ref: r, id: id, result: &res})
			})
		case session.CallAuthenticate:
			l.workOf(c).began = l.revokes + 1
			l.toWorker(c, call)
		case session.CallSubscribe, session.CallRequest:
			l.toWorker(c, call)
		case session.CallTyping:
			if who := c.session.Who(); l.srv.deps.Typing != nil {
				l.srv.deps.Typing(who.User, who.Device, call.Conversation)
			}
		case session.CallReceived:
			l.srv.received(c.session.Who().User, call.Positions)
		}
	}
}

func (l *loop) toWorker(c *conn, call session.Call) {
	l.give(job{ref: c.ref(), loop: l, sub: c.sub, call: call, who: c.session.Who()})
}

// give has a worker do a job, or fails it.
func (l *loop) give(j job) {
	if !l.srv.workers.offer(j) {
		l.inbox.Put(j.failed(overloaded()))
	}
}
