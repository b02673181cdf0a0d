package gateway

import (
	"time"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/chunk"
	"github.com/throng-im/throng/internal/wire"
)

// This file is how those are told who do not get the content of a conversation: by hints, spread over time.

// sweepEvery is how often a loop sends the hints that are due.
const sweepEvery = 20 * time.Millisecond

// hinting is what a group's hints are sent by.
type hinting struct {
	head   chat.Head // of the conversation, as far as the loop was told
	sweep  chunk.Sweep
	at     int    // the next place in group.members, downward
	number uint32 // of the present sweep; who was visited carries it
	all    bool   // the next sweep, or the present one, goes to those too who have the conversation open
	next   bool   // the next one does
	listed bool   // in loop.sweeps
	pieces [2]hintPiece
}

// hintPiece is a hint of a head.
type hintPiece struct {
	seq   chat.Seq
	piece []byte
}

// wentOn notes that a conversation went on whose content does not go to all; all is true where it goes to nobody.
func (l *loop) wentOn(g *group, h chat.Head, all bool) {
	t := &g.hints
	if h.Seq <= t.head.Seq { // it comes again, or late
		return
	}
	t.head = h
	t.next = t.next || all
	t.sweep.Raise()
	if !t.listed {
		t.listed = true
		l.sweeps = append(l.sweeps, g)
	}
}

// overtaken notes that all members get an entry itself: what is left of a sweep would tell them less.
func (t *hinting) overtaken(h chat.Head) {
	t.head = h
	if t.sweep.Running() {
		t.sweep = chunk.Sweep{}
	}
}

// sweepOn sends the hints that are due.
func (l *loop) sweepOn() {
	if len(l.sweeps) == 0 {
		return
	}
	now := time.Since(l.start)
	if now < l.swept+sweepEvery {
		return
	}
	l.swept = now
	budget := float64(l.srv.cfg.HintRate) / float64(len(l.srv.loops)) / float64(len(l.sweeps))
	kept := l.sweeps[:0]
	for _, g := range l.sweeps {
		l.hint(g, now, budget)
		if g.hints.listed = g.hints.sweep.Running(); g.hints.listed {
			kept = append(kept, g)
		}
	}
	clear(l.sweeps[len(kept):])
	l.sweeps = kept
}

// hint visits the next members of a group. Who leaves meanwhile is replaced by the last, so the walk goes downward.
func (l *loop) hint(g *group, now time.Duration, budget float64) {
	t := &g.hints
	n, begin := t.sweep.Next(now, len(g.members), budget)
	if begin {
		t.number++
		t.at, t.all, t.next = len(g.members)-1, t.next, false
	}
	for ; n > 0 && t.at >= 0; n-- {
		if t.at < len(g.members) {
			if m := &g.members[t.at]; m.hinted != t.number {
				m.hinted = t.number
				if (t.all || m.open == 0) && t.head.Seq >= m.from {
					l.tellHead(g, m.c)
				}
			}
		}
		t.at--
	}
}

// tellHead gives a connection the hint of where a group's conversation has got to.
func (l *loop) tellHead(g *group, c *conn) {
	p := &g.hints.pieces[variant(c.sub, false)]
	if p.seq != g.hints.head.Seq {
		p.seq, p.piece = g.hints.head.Seq, wire.Hint(c.sub, g.hints.head)
	}
	c.session.Hint(g.hints.head, p.piece)
	l.stats.hints++
	l.markWide(c)
}
