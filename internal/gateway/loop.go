package gateway

import (
	"context"
	"math/bits"
	"time"

	"github.com/gobwas/ws"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/cluster"
	"github.com/throng-im/throng/internal/session"
	"github.com/throng-im/throng/internal/websocket"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// flushEarly is how much may wait for one receiver within a pass before it is written without waiting for the pass's end.
const flushEarly = 32 << 10

// passOps is how many operations are handled before a look at the clock: a pass that grew long is written in parts.
const passOps = 1_024

// busyWrites is how many writes a flush must have made for the next one to wait for company.
const busyWrites = 8

// loop owns a share of the connections: their sessions, routes and timers. One goroutine runs it; everybody else posts to
// its inbox.
type loop struct {
	// immutable after construction
	srv   *Server
	index int
	inbox *inbox
	start time.Time // the session clock counts from here

	// owned by the loop
	now     int64 // milliseconds since start, as of this pass
	conns   []*conn
	users   map[chat.UserID][]*conn
	groups  groups
	wheel   wheel
	env     *session.Env
	dirty   []*conn
	flushed time.Time    // last flush
	writes  int          // frames written by it
	revoked []revocation // the recent ones
	revokes uint64       // how many there were
	stats   stats
}

// stats are counted by the loop and published once a pass.
type stats struct{ deliveries, frames, bytes, collapsed, requests int }

func newLoop(srv *Server, index int) *loop {
	return &loop{
		srv: srv, index: index, inbox: newInbox(srv.cfg.Inbox), start: time.Now(),
		users: make(map[chat.UserID][]*conn), groups: make(groups),
		env: session.NewEnv(&srv.sessions, srv.deps.Limits, srv.cfg.OutboundTotal/srv.cfg.loops()),
	}
}

// run handles what is posted until ctx ends; then it drops all connections.
func (l *loop) run(ctx context.Context) {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	hold := time.NewTimer(time.Hour)
	defer hold.Stop()
	for {
		select {
		case <-l.inbox.wake:
		case <-hold.C:
		case <-ticker.C:
			l.clock()
			l.wheel.advance(l.now, l.due)
		case <-ctx.Done():
			l.close()
			return
		}
		l.pass()
		if wait := l.holding(); wait > 0 {
			hold.Reset(wait)
			continue
		}
		l.flush()
	}
}

func (l *loop) clock() { l.now = time.Since(l.start).Milliseconds() }

// pass handles everything that waits in the inbox.
func (l *loop) pass() {
	l.clock()
	ops := l.inbox.take()
	for i := range ops {
		l.handle(&ops[i])
		if i%passOps == passOps-1 && time.Since(l.flushed) > 2*l.srv.cfg.Hold {
			l.flush()
		}
	}
	l.inbox.done(ops)
}

// holding says how long the frames of this pass may wait for company: not at all on a loop that had little to write, else
// until the hold time since the last flush is over.
func (l *loop) holding() time.Duration {
	if len(l.dirty) == 0 || l.writes < busyWrites {
		return 0
	}
	return l.srv.cfg.Hold - time.Since(l.flushed)
}

// flush writes one frame to each connection that something waits for.
func (l *loop) flush() {
	if len(l.dirty) > 0 {
		l.writes = len(l.dirty)
		for i, c := range l.dirty {
			c.flags &^= flagDirty
			l.write(c)
			l.dirty[i] = nil
		}
		l.dirty = l.dirty[:0]
		l.flushed = time.Now()
	}
	l.srv.metrics.publish(&l.stats)
}

func (l *loop) handle(o *op) {
	if o.c != nil && o.c.flags.has(flagGone) {
		return
	}
	switch o.kind {
	case opParcel:
		l.parcel(o.parcel)
		return
	case opReplace:
		l.replace(o.who, o.id)
		return
	case opRevoke:
		l.revoke(*o.revoke)
		return
	case opDrain:
		l.drain(o.drain)
		return
	case opOpen, opFrame, opPing, opPong, opPeerClose, opBreach, opGone, opWritten, opIdentity, opSubscribed, opAnswer, opSent:
	}
	l.handleConn(o.c, o)
}

// handleConn handles what concerns one connection, then what its session wants.
func (l *loop) handleConn(c *conn, o *op) {
	s := &c.session
	switch o.kind { //nolint:exhaustive // handle has seen to the others
	case opOpen:
		l.open(c, o.word, string(o.bytes))
	case opFrame:
		l.frame(c, o)
	case opPing:
		s.Heard(l.now)
		c.control = websocket.AppendControl(c.control[:0], ws.OpPong, o.bytes) // the latest ping is enough to answer
		<-c.credit
		l.mark(c)
	case opPong:
		s.Heard(l.now)
		<-c.credit
	case opPeerClose:
		l.peerClose(c, o.code)
	case opBreach:
		l.breach(c, o.code, o.word)
	case opGone:
		l.drop(c)
		return
	case opWritten:
		l.written(c, o.bytes, o.err)
	case opIdentity:
		l.identity(c, o)
	case opSubscribed:
		l.subscribed(c, o)
	case opAnswer:
		s.Answered(o.id, o.bytes, o.err)
	case opSent:
		s.Sent(o.id, *o.result)
	}
	l.after(c)
}

// frame hands a frame's requests to the session. Its credit goes back at once, or when the receiver has taken what waits.
func (l *loop) frame(c *conn, o *op) {
	if o.err != nil { // S-22
		c.session.End(throngv1.CloseCode_CLOSE_CODE_BAD_FRAME, string(chat.AsError(o.err).Reason), 0)
	}
	for _, env := range o.envs {
		c.session.Handle(l.now, env)
		l.dispatch(c)
	}
	l.stats.requests += len(o.envs)
	if c.session.Congested() {
		c.held++
	} else {
		<-c.credit
	}
}

// after does what the session left to be done.
func (l *loop) after(c *conn) {
	if c.flags.has(flagGone) {
		return
	}
	l.dispatch(c)
	if !c.session.Outbox().Empty() {
		l.mark(c)
	}
	if e, ended := c.session.Ended(); ended {
		l.finish(c, uint16(e.Code), e.Reason)
	}
}

// mark has the connection written to by the next flush.
func (l *loop) mark(c *conn) {
	if c.flags&(flagDirty|flagWriting|flagGone) == 0 {
		c.flags |= flagDirty
		l.dirty = append(l.dirty, c)
	}
}

// parcel delivers to the loop's connections.
func (l *loop) parcel(p *session.Parcel) {
	d := p.Delivery()
	switch d.Kind {
	case cluster.DeliverEnter, cluster.DeliverLeave:
		for _, u := range d.Users {
			for _, c := range l.users[u] {
				l.membership(c, change{id: d.Conversation, from: d.From, leave: d.Kind == cluster.DeliverLeave})
			}
		}
		if d.Kind == cluster.DeliverEnter {
			l.srv.online.told(d.Conversation)
		}
	case cluster.DeliverDisband:
		if g := l.groups[d.Conversation]; g != nil {
			for len(g.members) > 0 {
				l.leave(g.members[len(g.members)-1].c, d.Conversation)
			}
		}
	case cluster.DeliverEntry, cluster.DeliverRead, cluster.DeliverSettings, cluster.DeliverSync:
		if d.Users != nil {
			l.deliverUsers(p)
		} else if g := l.groups[d.Conversation]; g != nil {
			l.deliverGroup(g, p)
		}
	}
}

// deliverUsers delivers by user route. A connection that breaks while it is written to leaves the list by a swap with the
// last: both walks go backward, so that nobody is passed over.
func (l *loop) deliverUsers(p *session.Parcel) {
	for _, u := range p.Delivery().Users {
		list := l.users[u]
		for i := len(list) - 1; i >= 0; i-- {
			l.deliver(list[i], p)
		}
	}
}

// deliverGroup delivers by group route.
func (l *loop) deliverGroup(g *group, p *session.Parcel) {
	seq := p.Delivery().Entry.Seq
	for i := len(g.members) - 1; i >= 0; i-- {
		if m := &g.members[i]; seq >= m.from {
			l.deliver(m.c, p)
		}
	}
}

func (l *loop) deliver(c *conn, p *session.Parcel) {
	c.session.Deliver(l.now, p)
	l.stats.deliveries++
	if n := c.session.Outbox().Waiting(); n > flushEarly && !c.flags.has(flagWriting) {
		l.write(c)
		return
	}
	l.mark(c)
}

// membership applies a member change to a connection, or keeps it until its subscriptions are there.
func (l *loop) membership(c *conn, ch change) {
	switch {
	case c.session.Subscribing():
		c.changes = append(c.changes, ch)
	case ch.leave:
		l.leave(c, ch.id)
	default:
		l.enter(c, ch.id, ch.from)
	}
}

func (l *loop) enter(c *conn, id chat.ConversationID, from chat.Seq) {
	if l.groups.enter(c, id, from) {
		l.srv.online.enter(id, l.index)
	}
}

func (l *loop) leave(c *conn, id chat.ConversationID) {
	if l.groups.leave(c, id) {
		l.srv.online.leave(id, l.index)
	}
}

// post puts a parcel into the loops whose bits are set.
func post(ctx context.Context, loops []*loop, mask uint64, p *session.Parcel) error {
	for ; mask != 0; mask &= mask - 1 {
		if err := loops[bits.TrailingZeros64(mask)].inbox.Wait(ctx, op{kind: opParcel, parcel: p}); err != nil {
			return err
		}
	}
	return nil
}
