package gateway

import (
	"net/netip"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/chunk"
	"github.com/throng-im/throng/internal/cluster"
	"github.com/throng-im/throng/internal/session"
)

// Queued is what waits for the receivers of all loops. The loops must be at rest.
func (s *Server) Queued() (n int) {
	for _, l := range s.loops {
		n += l.env.Queued()
	}
	return n
}

// Handled reports that nothing waits in the loops' inboxes.
func (s *Server) Handled() bool {
	for _, l := range s.loops {
		if !l.inbox.empty() {
			return false
		}
	}
	return true
}

// Encodings is how many rounds of large conversations were encoded.
func (s *Server) Encodings() int64 { return s.crowd.enc.Encoded() }

// PostRounds gives rounds to the only loop, all at once, each behind its head.
func (s *Server) PostRounds(rounds ...*chunk.Round) {
	q := s.loops[0].inbox
	q.mu.Lock()
	for _, r := range rounds {
		if h := r.Head; h.Seq > 0 {
			d := &cluster.Delivery{Conversation: h.Conversation, Entry: &chat.Entry{Seq: h.Seq, Ordinal: h.Ordinal}, Head: h}
			q.ops = append(q.ops, op{kind: opHead, parcel: session.NewParcel(d)})
		}
		f := &flight{round: r}
		f.left.Store(1)
		q.ops = append(q.ops, op{kind: opRound, flight: f})
	}
	q.mu.Unlock()
	q.wake()
}

// UnderWay is how many groups of the first loop have something under way to their members, and how many members of disbanded ones are
// subscribed yet. It is called on that loop.
func (s *Server) UnderWay() (walks, leaving int) {
	l := s.loops[0]
	for _, g := range l.endings {
		leaving += len(g.members)
	}
	return len(l.walks), leaving
}

// LineRoom has so many connections stand in a line and each step to its end when it was their turn; it returns what room the line takes.
func LineRoom(people, turns int) int {
	var q line
	for range people {
		q.add(new(conn))
	}
	for range turns {
		q.add(q.next())
	}
	return cap(q.list)
}

// OfferToClosed hands a caller to net/http when that takes nobody any more.
func OfferToClosed() bool {
	s := newStrangers(&Door{}, 1)
	_ = s.Close()
	return s.offer(stranger{fd: -1})
}

// Entered is how many callers net/http takes, of a share for each address; those of 10.0.0.0/8 are proxies.
func Entered(share int, from ...netip.Addr) (n int) {
	proxies := netip.MustParsePrefix("10.0.0.0/8")
	s := newStrangers(&Door{Carriers: proxies.Contains}, share)
	for _, a := range from {
		if s.enter(a) {
			n++
		}
	}
	for _, a := range from[:n] {
		s.leave(a)
	}
	if len(s.from) > 0 {
		return -1
	}
	return n
}

// Places are how many callers each loop takes, all and of one address.
func Places(cfg Config, below, loops int) (most, share int) {
	return places(&cfg, &Door{Below: below}, loops)
}
