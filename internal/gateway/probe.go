package gateway

import (
	"github.com/gobwas/ws"

	"github.com/throng-im/throng/internal/websocket"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// This file finds peers that have gone without a word (S-26): who is silent for longer than a heartbeat takes is pinged, and who does not
// say anything to that is dead. All of it together takes at most one and a half heartbeats.

// pingAfter is how long a peer may be silent before it is pinged: more than a heartbeat, which it was about to send.
func (l *loop) pingAfter() int64 { return l.srv.cfg.Heartbeat.Milliseconds() * 17 / 15 }

// silentAfter is how long after that it counts as gone: with what it takes to tell others, its user is offline within 45 seconds.
func (l *loop) silentAfter() int64 { return l.srv.cfg.Heartbeat.Milliseconds() / 10 }

// pongWithin is how long it may be silent after that.
func (l *loop) pongWithin() int64 { return l.srv.cfg.Heartbeat.Milliseconds() / 3 }

// probe pings or ends a connection whose session is open and from which nothing comes; it returns when to look again. One that does not
// take what it is given is not asked for more: [loop.progress] judges it.
func (l *loop) probe(c *conn) (next int64) {
	if !c.session.Open() {
		return l.now + l.pingAfter()
	}
	silent := c.session.HeardAt() + l.pingAfter()
	w := l.workOf(c)
	switch {
	case l.now < silent:
		return silent
	case w.pingedAt == 0 && c.flags.has(flagWriting):
		return l.now + l.pongWithin()
	case w.pingedAt == 0:
		w.pingedAt = l.now
		w.control = websocket.AppendControl(w.control, ws.OpPing, nil)
		l.mark(c)
	case l.now >= w.pingedAt+l.pongWithin():
		c.session.End(throngv1.CloseCode_CLOSE_CODE_IDLE, "ping_unanswered", 0)
		return l.now
	case l.now >= w.pingedAt+l.silentAfter():
		l.silent(c)
		return w.pingedAt + l.pongWithin()
	}
	return w.pingedAt + l.silentAfter()
}

// heard notes a sign of life.
func (l *loop) heard(c *conn) {
	c.session.Heard(l.now) // anything that comes counts
	l.speaks(c)
	if w := c.work; w != nil && w.pingedAt != 0 {
		w.pingedAt = 0
		l.wheel.schedule(c, min(l.now+l.pingAfter(), c.dueAt()))
	}
}
