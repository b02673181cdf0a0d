package gateway

import (
	"math/bits"
	"time"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/cluster"
	"github.com/throng-im/throng/internal/pressure"
	"github.com/throng-im/throng/internal/trace"
)

// maxTraced bounds the deliveries of a loop that wait to be noted as written; one beyond it is noted before.
const maxTraced = 1_024

// traced is an entry that a loop has given to sessions, until they have been written to.
type traced struct {
	step  trace.Step
	began time.Time
}

// arrived notes that an entry came to the node, and to which of its loops it goes.
func (s *Server) arrived(d *cluster.Delivery, mask uint64) {
	as := uint32(trace.AsContent)
	switch {
	case d.Users != nil:
	case s.deps.Level != nil && s.deps.Level() >= pressure.ContentAsHints:
		as = trace.AsHints
	case d.Head.Tier == chat.TierLarge:
		as = trace.AsRounds
	}
	s.deps.Trace.Add(trace.Step{
		Kind: trace.Receive, Conversation: uint64(d.Entry.Conversation), Seq: uint64(d.Entry.Seq), User: uint64(d.Entry.Sender),
		Start: time.Now().UnixNano(), Counts: [4]uint32{uint32(bits.OnesCount64(mask)), as},
	})
}

// gave has it noted, once all connections that wait now have been written to, that an entry was given to so many sessions. Those whose
// sockets have no room are not waited for.
func (l *loop) gave(e *chat.Entry, sessions int, began time.Time) {
	t := traced{began: began, step: trace.Step{
		Kind: trace.Write, Conversation: uint64(e.Conversation), Seq: uint64(e.Seq), User: uint64(e.Sender), Start: began.UnixNano(),
		Counts: [4]uint32{uint32(sessions), uint32(l.index)},
	}}
	if len(l.traced) >= maxTraced {
		l.note(&t)
		return
	}
	l.traced = append(l.traced, t)
}

// noteWritten notes what was given to sessions: nobody waits to be written to any more.
func (l *loop) noteWritten() {
	for i := range l.traced {
		l.note(&l.traced[i])
	}
	clear(l.traced)
	l.traced = l.traced[:0]
}

func (l *loop) note(t *traced) {
	t.step.Took = time.Since(t.began)
	l.srv.deps.Trace.Add(t.step)
}

// tracing gives delivering an entry to many connections a beginning, and says whether it is to be noted.
func (l *loop) tracing() (began time.Time, before int, on bool) {
	if !l.srv.deps.Trace.On() {
		return began, 0, false
	}
	return time.Now(), l.stats.deliveries, true
}

// walked notes what a walk has brought to connections.
func (l *loop) walked(w *walk) {
	if !l.srv.deps.Trace.On() {
		return
	}
	if p := w.present.entry; p != nil {
		l.gave(p.Delivery().Entry, w.reached, w.began)
	}
	for _, f := range w.present.rounds {
		for _, c := range f.round.Chunks {
			for _, e := range c.Entries {
				l.gave(e, w.reached, w.began)
			}
		}
	}
}
