package gateway

import (
	"context"
	"fmt"
	"math/bits"
	"sync/atomic"
	"time"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/cluster"
	"github.com/throng-im/throng/internal/session"
)

// flushEarly is how much may wait for one receiver within a pass before it is written without waiting for the pass's end.
const flushEarly = 32 << 10

// passOps is how many operations are handled before a look at the clock: a pass that grew long is written in parts.
const passOps = 1_024

// flushSlice is how many connections are written to before the loop looks at its sockets and its inbox again: about 2 ms.
const flushSlice = 256

// wideShare is the part of a slice that goes to whole groups where both kinds wait: one in so many. Those with something of their own
// go first and would else keep the others waiting for as long as there are enough of them.
const wideShare = 4

// busyWrites is how many writes a flush must have made for the next one to wait for company.
const busyWrites = 8

// loop owns a share of the connections: their sessions, routes and timers. One goroutine runs it; everybody else posts to
// its inbox.
type loop struct {
	// immutable after construction
	srv   *Server
	index int
	inbox *inbox
	wait  waiter
	start time.Time // the session clock counts from here

	// atomic
	over   atomic.Bool  // its context has ended
	pages  atomic.Int64 // bytes of the pages that workers read and that are on their way here
	queued atomic.Int64 // bytes that wait for receivers, as of the last pass

	// owned by the loop
	now     int64  // milliseconds since start, as of this pass
	handled uint64 // operations of the inbox
	slab    slab
	works   []*work // to be used again
	callers callers // whose handshake is not over
	early   int     // bytes of frames that are not complete, of those who have shown no token
	// unchecked is how many connections wait for their token to be checked, or have not shown one.
	unchecked int
	users     map[chat.UserID]*conn
	groups    map[chat.ConversationID]*group
	walks     []*group      // with something under way
	endings   []*group      // that were disbanded, and have members yet
	sweeps    []*group      // with hints to send
	swept     time.Duration // when hints were sent last, since start
	telling   int           // the next slot whose session is told the level; -1: all know it

	lookups  int           // sessions whose subscriptions are being looked up
	reviews  int           // of those in doubt
	doubts   line          // of connections that are to be looked up again
	doubting int           // the next slot whose connection is doubted; -1: none
	missed   uint64        // operations that were handled when deliveries were missed last
	lookAt   time.Duration // when the next of those in doubt are looked up, since start
	spare    []*group      // that may have no members, kept while some might come back

	wheel   wheel
	env     *session.Env
	dirty   line         // something of their own waits for them
	wide    line         // nothing but what goes to a whole group
	flushed time.Time    // last flush
	slices  int          // of the flush under way
	writes  int          // frames written by the last one
	revoked []revocation // the recent ones
	revokes uint64       // how many there were
	stats   stats
	traced  []traced // deliveries that are to be noted, once they are written
}

// stats are counted by the loop and published once a pass.
type stats struct{ deliveries, frames, bytes, collapsed, requests, hints, rechecks, lookups int }

func newLoop(srv *Server, index int) *loop {
	l := &loop{
		srv: srv, index: index, start: time.Now(), users: make(map[chat.UserID]*conn), groups: make(map[chat.ConversationID]*group), telling: -1, doubting: -1,
		callers: newCallers(places(&srv.cfg, srv.deps.Door, srv.loopCount())),
		env:     session.NewEnv(&srv.sessions, srv.deps.Limits, srv.cfg.OutboundTotal/srv.loopCount()),
	}
	l.wait = newParked()
	if srv.deps.Door != nil {
		l.wait = newPolled(l, srv.deps.Door.Listeners[index])
	}
	l.inbox = newInbox(srv.cfg.Inbox, l.wait.wake)
	return l
}

// run handles what comes until ctx ends; then it drops all connections.
func (l *loop) run(ctx context.Context) error {
	if err := l.wait.open(); err != nil {
		return fmt.Errorf("starting loop %d: %w", l.index, err)
	}
	defer context.AfterFunc(ctx, func() {
		l.over.Store(true)
		l.wait.wake()
	})()
	for !l.over.Load() {
		l.wait.wait(l.patience())
		l.pass()
		l.wheel.advance(l.now, l.due)
		l.walkOn()
		l.doubtOn()
		l.endOn()
		l.lookOn()
		l.tidyOn()
		l.sweepOn()
		l.tellOn()
		if l.holding() <= 0 {
			l.flush()
		}
	}
	l.close()
	if err := l.wait.close(); err != nil {
		return fmt.Errorf("ending loop %d: %w", l.index, err)
	}
	return nil
}

// busy reports that the loop has something to do and should not wait.
func (l *loop) busy() bool { return l.over.Load() || !l.inbox.empty() }

func (l *loop) clock() { l.now = time.Since(l.start).Milliseconds() }

// patience is how long the loop may wait: to its next tick, or until the frames that it holds back have to go.
func (l *loop) patience() time.Duration {
	if len(l.walks) > 0 || len(l.endings) > 0 || l.telling >= 0 || l.doubting >= 0 || (len(l.spare) > 0 && l.calm()) {
		return 0
	}
	d := tick - time.Since(l.start)%tick
	if len(l.sweeps) > 0 {
		d = min(d, max(l.swept+sweepEvery-time.Since(l.start), 0))
	}
	if !l.doubts.empty() && l.reviews < l.mostReviews() {
		d = min(d, max(l.lookAt-time.Since(l.start), 0))
	}
	if !l.dirty.empty() || !l.wide.empty() {
		d = min(d, l.holding())
	}
	return d
}

// pass handles everything that waits in the inbox.
func (l *loop) pass() {
	l.clock()
	ops := l.inbox.take()
	for i := range ops {
		l.handle(&ops[i])
		l.handled++
		if i%passOps == passOps-1 && time.Since(l.flushed) > 2*l.srv.cfg.Hold {
			l.flush()
		}
	}
	l.inbox.done(ops)
	l.queued.Store(int64(l.env.Queued()))
}

// holding says how long the frames of this pass may wait for company: not at all on a loop that had little to write, else
// until the hold time since the last flush is over.
func (l *loop) holding() time.Duration {
	if l.writes < busyWrites || l.slices > 0 {
		return 0
	}
	return l.srv.cfg.Hold - time.Since(l.flushed)
}

// flush writes one frame to each connection that something waits for, mostly those with something of their own first. Where many
// wait it stops after a slice of them: the loop looks at its sockets and its inbox before it goes on, and what comes meanwhile for
// those whose turn is still to come goes out with the rest.
func (l *loop) flush() {
	if !l.dirty.empty() || !l.wide.empty() {
		n := l.slice()
		l.slices += n
		if n < flushSlice {
			l.writes, l.slices = l.slices, 0
		}
		l.flushed = time.Now()
	}
	if len(l.traced) > 0 && l.dirty.empty() && l.wide.empty() {
		l.noteWritten()
	}
	l.srv.metrics.publish(&l.stats)
}

// slice writes to some of those who wait and returns how many they were; fewer than a slice: all. What a write allows (a request that
// was held back) may add connections.
func (l *loop) slice() (n int) {
	for n < flushSlice {
		first, second := &l.dirty, &l.wide
		if n%wideShare == wideShare-1 {
			first, second = second, first
		}
		c := first.next()
		if c == nil {
			c = second.next()
		}
		if c == nil {
			break
		}
		if c.flags&(flagDirty|flagWide) != 0 { // else it was written to in the meantime
			c.flags &^= flagDirty | flagWide
			l.write(c)
			n++
		}
	}
	return n
}

func (l *loop) handle(o *op) {
	switch o.kind {
	case opOpen:
		l.open(o.open)
	case opParcel:
		l.parcel(o.parcel)
	case opHead:
		if g := l.passing(o.parcel.Delivery()); g != nil {
			l.wentOn(g, headOf(o.parcel.Delivery()), o.n == headForAll)
		}
	case opRound:
		l.round(o.flight)
	case opLevel:
		l.telling = 0
	case opResync:
		l.resync()
	case opReplace:
		l.replace(o.who, o.id)
	case opRevoke:
		l.revoke(*o.revoke)
	case opDrain:
		l.drain(o.drain)
	case opInput, opGone, opWritten, opReady, opIdentity, opSubscribed, opRevealed, opAnswer, opSent, opPresence:
		if o.kind == opAnswer {
			l.pages.Add(-int64(o.n))
		}
		if o.memory != nil {
			o.ref = o.memory.ref
		}
		if c := o.ref.alive(); c != nil {
			l.handleConn(c, o)
		}
	}
}

// handleConn handles what concerns one connection, then what its session wants.
func (l *loop) handleConn(c *conn, o *op) {
	switch o.kind { //nolint:exhaustive // handle has seen to the others
	case opInput:
		l.input(c, o.bytes)
		if c.id != 0 && !c.flags.has(flagUnread) {
			c.link.resume(c)
		}
		return
	case opGone:
		l.drop(c)
		return
	case opWritten:
		l.wrote(c, o.n, o.err)
	case opReady:
		l.room(c)
	case opIdentity:
		l.identity(c, o)
	case opSubscribed:
		l.subscribed(c, o)
	case opRevealed:
		l.revealed(c, o.err)
	case opAnswer:
		c.session.Answered(o.id, o.bytes, o.err)
	case opPresence:
		l.changes(c)
	case opSent:
		c.session.Sent(o.id, *o.result)
	}
	l.after(c)
}

// after does what the session left to be done.
func (l *loop) after(c *conn) {
	if c.id == 0 {
		return
	}
	l.dispatch(c)
	if !c.session.Outbox().Empty() && !(c.flags.has(flagTogether) && c.session.Busy()) {
		l.mark(c)
	}
	if e, ended := c.session.Ended(); ended {
		l.finish(c, uint16(e.Code), e.Reason)
	}
	if c.flags.has(flagUnread) && !l.congested(c) {
		l.resume(c)
		return
	}
	l.rest(c)
}

// rest takes back what the connection has borrowed and does not need now.
func (l *loop) rest(c *conn) {
	if c.id == 0 {
		return
	}
	c.session.Rest()
	if w := c.work; w != nil && w.idle() {
		c.work = nil
		l.putWork(w)
	}
}

// mark has the connection written to by the next flush.
func (l *loop) mark(c *conn) {
	if c.flags&(flagDirty|flagWriting) == 0 {
		c.flags |= flagDirty
		l.dirty.add(c)
	}
}

// markWide is mark for what goes to a whole group: others go first.
func (l *loop) markWide(c *conn) {
	if c.flags&(flagDirty|flagWide|flagWriting) == 0 {
		c.flags |= flagWide
		l.wide.add(c)
	}
}

// parcel delivers to the loop's connections.
func (l *loop) parcel(p *session.Parcel) {
	d := p.Delivery()
	switch d.Kind {
	case cluster.DeliverEnter, cluster.DeliverLeave:
		g := l.groups[d.Conversation]
		if g != nil && d.Kind == cluster.DeliverEnter && len(g.members) == 0 && d.MemberWas > g.seen {
			g.begin(d.From, l.handled)
		}
		ch := change{id: d.Conversation, from: d.From, leave: d.Kind == cluster.DeliverLeave}
		l.each(d.Users, func(c *conn) { l.membership(c, ch) })
		if d.Kind == cluster.DeliverEnter {
			l.srv.online.told(d.Conversation)
		} else if g != nil {
			g.gone(d)
		}
	case cluster.DeliverDisband:
		l.disband(d.Conversation, d.From)
	case cluster.DeliverEntry, cluster.DeliverRead, cluster.DeliverSettings, cluster.DeliverSync, cluster.DeliverRelations:
		if d.Users != nil {
			began, before, on := l.tracing()
			l.deliverUsers(p)
			if on && d.Entry != nil {
				l.gave(d.Entry, l.stats.deliveries-before, began)
			}
		} else if g := l.passing(d); g != nil {
			l.deliverGroup(g, p)
		}
	case cluster.DeliverTyping:
		l.typing(p)
	case cluster.DeliverReceipts:
		l.receipts(p)
	case cluster.DeliverRevoke, cluster.DeliverForget, cluster.DeliverWake, cluster.DeliverReplaced, cluster.DeliverAsk, cluster.DeliverTell,
		cluster.DeliverPresence, cluster.DeliverHidden:
		// Other parts of the node take these ([Server.CloseUser], [Server.CloseDevices], [Server.Replace]).
	}
}

// deliverUsers delivers by user route. A connection that breaks while it is written to leaves the list.
func (l *loop) deliverUsers(p *session.Parcel) {
	for _, u := range p.Delivery().Users {
		for c := l.users[u]; c != nil; {
			next := c.next
			if l.parted(c, p.Delivery().Conversation) && l.deliver(c, p) {
				l.mark(c)
			}
			c = next
		}
	}
}

// deliverGroup delivers by group route: at once, or behind what is under way of when the conversation was large, and to a group
// that is larger than a medium conversation gets by itself in slices too. A connection that breaks leaves the group by a swap with
// the last: the walk goes backward, so that nobody is passed over.
func (l *loop) deliverGroup(g *group, p *session.Parcel) {
	if p.Delivery().Entry.Seq <= g.hints.head.Seq { // it comes again, or so late that others have shown that it is missing
		return
	}
	if g.walk.entries >= walkEntries {
		l.wentOn(g, headOf(p.Delivery()), true)
		return
	}
	g.hints.overtaken(headOf(p.Delivery()))
	if !g.walk.idle() || len(g.members) > walkAtOnce {
		l.setOut(g, stage{entry: p})
		return
	}
	began, before, on := l.tracing()
	for i := len(g.members) - 1; i >= 0; i-- {
		l.deliverMember(&g.members[i], p)
	}
	if on {
		l.gave(p.Delivery().Entry, l.stats.deliveries-before, began)
	}
}

// deliverMember delivers an entry to a member of a group.
func (l *loop) deliverMember(m *groupMember, p *session.Parcel) {
	if c := m.c; p.Delivery().Entry.Seq >= m.from && l.deliver(c, p) {
		l.markWide(c)
	}
}

// deliver puts a delivery to what waits for a connection; it reports whether that is to be written.
func (l *loop) deliver(c *conn, p *session.Parcel) bool {
	c.session.Deliver(l.now, p)
	l.stats.deliveries++
	if n := c.session.Outbox().Waiting(); n > flushEarly && !c.flags.has(flagWriting) {
		l.write(c)
		return false
	}
	return true
}

// post puts an operation into the loops whose bits are set, once there is room.
func post(ctx context.Context, loops []*loop, mask uint64, o op) error {
	for ; mask != 0; mask &= mask - 1 {
		if err := loops[bits.TrailingZeros64(mask)].inbox.Wait(ctx, o); err != nil {
			return err
		}
	}
	return nil
}
