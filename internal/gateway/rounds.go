package gateway

import (
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/chunk"
	"github.com/throng-im/throng/internal/session"
	"github.com/throng-im/throng/internal/wire"
)

// This file is how rounds of large conversations go to those of a loop's connections that have them open: a slice at a time, so
// that nothing else waits for a whole round, and all rounds that wait in one write.

// walkSlice is how many connections a loop visits before it looks at its inbox again.
const walkSlice = 256

// walk is a group's rounds under way.
type walk struct {
	queue   []*flight // what comes after the present one
	present []*flight // what is being delivered now, in one write per connection
	at      int       // the next place in group.open, downward; those above were visited
	number  uint32    // of the present one; connections that have it already carry it
	frames  [4][]byte // the present one in one piece, where it is more than one round
	listed  bool      // in loop.walks
}

func (w *walk) idle() bool { return len(w.queue)+len(w.present) == 0 }

// round takes a round from the inbox.
func (l *loop) round(f *flight) {
	g := l.groups[f.round.Conversation]
	if g == nil || len(g.open) == 0 {
		l.srv.crowd.land(f)
		return
	}
	g.walk.queue = append(g.walk.queue, f)
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

// finish visits all connections of a group that are still to be visited: something that must not overtake follows.
func (l *loop) finishWalk(g *group) {
	for !g.walk.idle() {
		l.visit(g, len(g.open)+1)
	}
}

// visit delivers to at most so many connections.
func (l *loop) visit(g *group, most int) {
	w := &g.walk
	if len(w.present) == 0 {
		w.present, w.queue = w.queue, nil
		w.number++
		w.at = len(g.open) - 1
	}
	for ; most > 0 && w.at >= 0; most-- {
		// A connection that breaks, or that closes the conversation, leaves the list by a swap with the last: the walk goes
		// downward, and who is moved to a place below carries the number.
		if w.at < len(g.open) {
			if s := &g.open[w.at]; s.number != w.number {
				s.number = w.number
				l.share(g, s.c, s.from, w.present, &w.frames)
			}
		}
		w.at--
	}
	if w.at >= 0 {
		return
	}
	for _, f := range w.present {
		l.srv.crowd.land(f)
	}
	w.present, w.frames = nil, [4][]byte{}
}

// hurry gives a connection that is about to leave what it has not been given yet. Where it breaks, its seat is somebody else's.
func (l *loop) hurry(g *group, s *seat) {
	w, c, from := &g.walk, s.c, s.from
	if s.number != w.number && len(w.present) > 0 {
		s.number = w.number
		l.share(g, c, from, w.present, &w.frames)
	}
	if c.id != 0 && len(w.queue) > 0 {
		l.share(g, c, from, w.queue, nil)
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

// early reports that the first entry of rounds is from before the user was there.
func early(list []*flight, from chat.Seq) bool {
	for _, f := range list {
		if first, ok := f.round.First(); ok {
			return first < from
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
