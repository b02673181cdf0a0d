package gateway

import (
	"time"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/chunk"
	"github.com/throng-im/throng/internal/session"
	"github.com/throng-im/throng/internal/wire"
)

// This file is how a loop visits many connections: a slice at a time, so that nothing else waits for all of them. Rounds of a
// large conversation go to those who have it open, all rounds that wait in one write; what must not overtake them comes behind.

const (
	// walkSlice is how many connections a loop visits before it looks at its inbox again.
	walkSlice = 256
	// walkAtOnce is how many it may visit at once where nothing is written to them: well under a millisecond, and as many members as a
	// medium conversation has by default.
	walkAtOnce = 10_000
	// walkEntries bounds the entries that wait for a walk. One beyond it is told as a hint, as where the server has too much to do.
	walkEntries = 64
)

// walk is what is under way to a group's connections.
type walk struct {
	queue   []stage   // what comes after the present one
	present stage     // what is being delivered now
	at      int       // the next place in group.open, or group.members, downward; those above were visited
	number  uint32    // of the present one; connections that have it already carry it
	entries int       // stages of the queue that are one
	began   time.Time // when the present one was, where that is noted
	reached int       // connections that the present one was delivered to, where that is noted
	frames  [4][]byte // rounds of the present one in one piece, where they are several
	listed  bool      // in loop.walks
}

// stage is a part of a walk: rounds, in one write to each connection that has the conversation open, or an entry for all members.
type stage struct {
	rounds []*flight
	entry  *session.Parcel
}

func (s *stage) empty() bool { return s.entry == nil && len(s.rounds) == 0 }

func (w *walk) idle() bool { return len(w.queue) == 0 && w.present.empty() }

// add appends what is to be delivered.
func (w *walk) add(s stage) {
	if s.entry != nil {
		w.entries++
	} else if n := len(w.queue); n > 0 && w.queue[n-1].entry == nil {
		w.queue[n-1].rounds = append(w.queue[n-1].rounds, s.rounds...)
		return
	}
	w.queue = append(w.queue, s)
}

// begin makes the first of the queue the present one; the group has so many to be visited by rounds and by entries.
func (w *walk) begin(open, members int) {
	w.present = w.queue[0]
	w.queue[0] = stage{}
	if w.queue = w.queue[1:]; len(w.queue) == 0 {
		w.queue = nil
	}
	w.number++
	if w.at = open - 1; w.present.entry != nil {
		w.at = members - 1
		w.entries--
	}
}

// round takes a round from the inbox.
func (l *loop) round(f *flight) {
	g := l.groups[f.round.Conversation]
	// Where the loop was not told that the conversation got so far ([loop.passing]) it had no members then: who has it open since has
	// synced since, or is about to.
	head := f.round.Head.Seq
	if g == nil || len(g.open) == 0 || head > g.hints.head.Seq || (head != 0 && head <= g.shown) { // or it comes again
		l.srv.crowd.land(f)
		return
	}
	g.shown = max(g.shown, head)
	l.setOut(g, stage{rounds: []*flight{f}})
}

// setOut has a group's connections visited with something, behind what is under way to them.
func (l *loop) setOut(g *group, s stage) {
	g.walk.add(s)
	if !g.walk.listed {
		g.walk.listed = true
		l.walks = append(l.walks, g)
	}
}

// walkOn visits the next connections of the group whose turn it is.
func (l *loop) walkOn() {
	if len(l.walks) == 0 {
		return
	}
	g := l.walks[0]
	copy(l.walks, l.walks[1:])
	l.walks = l.walks[:len(l.walks)-1]
	l.visit(g, walkSlice)
	if g.walk.listed = !g.walk.idle(); g.walk.listed {
		l.walks = append(l.walks, g)
	}
}

// visit delivers to at most so many connections.
func (l *loop) visit(g *group, most int) {
	w := &g.walk
	began, before, on := l.tracing()
	if w.present.empty() {
		w.begin(len(g.open), len(g.members))
		w.began, w.reached = began, 0
	}
	// A connection that breaks, or that closes the conversation, leaves the list by a swap with the last: the walk goes downward, and
	// who is moved to a place below carries the number.
	for ; most > 0 && w.at >= 0; most-- {
		if w.present.entry == nil {
			l.visitSeat(g)
		} else if w.at < len(g.members) {
			l.visitMember(g, w.at)
		}
		w.at--
	}
	if on {
		w.reached += l.stats.deliveries - before
	}
	if w.at >= 0 {
		return
	}
	l.walked(w)
	for _, f := range w.present.rounds {
		l.srv.crowd.land(f)
	}
	w.present, w.frames = stage{}, [4][]byte{}
}

// visitSeat delivers the present rounds to the connection whose turn it is.
func (l *loop) visitSeat(g *group) {
	w := &g.walk
	if w.at >= len(g.open) {
		return
	}
	if s := &g.open[w.at]; s.number != w.number {
		s.number = w.number
		l.share(g, s.c, s.from, w.present.rounds, &w.frames)
	}
}

// visitMember delivers the present entry to a member.
func (l *loop) visitMember(g *group, at int) {
	w, m := &g.walk, &g.members[at]
	if m.walked != w.number {
		m.walked = w.number
		l.deliverMember(m, w.present.entry)
	}
}

// hurry gives a connection that is about to leave what it has not been given yet. It may break by that, and its slot be another's.
func (l *loop) hurry(g *group, c *conn) {
	w, id := &g.walk, c.id
	for i := -1; i < len(w.queue) && c.id == id; i++ {
		in, place := c.find(g.id)
		if in != g {
			return
		}
		m := &g.members[c.groups[place].at]
		now := &w.present
		if i >= 0 {
			now = &w.queue[i]
		}
		switch {
		case now.empty():
		case now.entry != nil:
			if i >= 0 || m.walked != w.number {
				l.deliverMember(m, now.entry)
			}
		case m.open > 0:
			if s := &g.open[m.open-1]; i >= 0 {
				l.share(g, c, s.from, now.rounds, nil)
			} else if s.number != w.number {
				s.number = w.number
				l.share(g, c, s.from, now.rounds, &w.frames)
			}
		}
	}
}

// share delivers rounds to a connection. frames has them in one piece, once somebody needed that; nil where they are few receivers'.
func (l *loop) share(g *group, c *conn, from chat.Seq, list []*flight, frames *[4][]byte) {
	for i, f := range list {
		r := f.round
		if early(list[i:i+1], from) { // what of it is for the user is pulled
			if r.End().Seq >= from {
				l.tellHead(g, c) // which is the round's end, or further on
			}
			continue
		}
		l.stats.deliveries++
		if !c.session.Share(r) {
			continue
		}
		// Several go in one piece where many get the same one. A piece for one alone would be a copy of them all; and behind a round
		// without entries there may be one that is not for the user.
		if i == 0 && len(list) > 1 && frames != nil && c.usual() && !early(list, from) {
			l.put(c, nil, joined(list, frames, c))
			return
		}
		if l.put(c, nil, r.Frame(c.sub, c.takes(r))); c.id == 0 {
			return
		}
	}
	if !c.session.Outbox().Empty() {
		l.markWide(c)
	}
}

// early reports that one of the rounds begins with an entry from before the user was there.
func early(list []*flight, from chat.Seq) bool {
	for _, f := range list {
		if first, ok := f.round.First(); ok && first < from {
			return true
		}
	}
	return false
}

// takes reports that a round may go to the connection compressed.
func (c *conn) takes(r *chunk.Round) bool {
	return c.window == fullWindow || (c.window > 0 && len(r.Piece(c.sub)) <= 1<<c.window)
}

// fullWindow is that of a decompressor that takes whatever we send.
const fullWindow = 15

// usual reports that the connection gets what all of its kind get.
func (c *conn) usual() bool { return c.window == 0 || c.window == fullWindow }

// joined returns several rounds in one piece: made once for all connections of a kind.
func joined(list []*flight, frames *[4][]byte, c *conn) []byte {
	b := &frames[variant(c.sub, c.window != 0)]
	if *b == nil {
		for _, f := range list {
			*b = append(*b, f.round.Frame(c.sub, c.takes(f.round))...)
		}
	}
	return *b
}

func variant(sub wire.Subprotocol, zip bool) (i int) {
	if sub == wire.JSON {
		i = 1
	}
	if zip {
		i += 2
	}
	return i
}

// sharedFrame is the message of content that waited for a busy connection.
func sharedFrame(c *conn, s session.Shared) []byte {
	r, ok := s.(*chunk.Round)
	if !ok {
		return nil
	}
	return r.Frame(c.sub, c.takes(r))
}
