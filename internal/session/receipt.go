package session

import (
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/pressure"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// maxReceipts is how many conversations with unacknowledged deliveries a session remembers. Deliveries of others are not
// watched: a device that far behind is told from a dead one by its heartbeats.
const maxReceipts = 64

// receipts watches whether a device acknowledges what is delivered to it (small tier only). It begins with the first
// ReceivedRequest: a client that never acknowledges is never judged by it. A conversation whose oldest unacknowledged
// delivery is older than the timeout (looked at once a timeout at least, so after one to two of them) gets a hint, which stands for everything unacknowledged; a device that lets the same
// time pass again is dead, however alive its socket is. While the server has too much to do (pressure.ReceiptsOff) nothing is watched,
// and what was is forgotten: a hint more, or a device less, is not worth it then.
type receipts struct {
	// owned by the loop
	open map[chat.ConversationID]unreceived
	next int64 // when the oldest is due, or earlier; 0: none
	// said is how many positions the session has passed on lately, as of saidAt.
	said   int
	saidAt int64
}

// unreceived is one conversation with something unacknowledged.
type unreceived struct {
	first    chat.Seq // oldest unacknowledged
	last     place
	due      int64 // 0: counts from the next delivery's time
	repeated bool
}

func (r *receipts) delivered(now int64, id chat.ConversationID, seq chat.Seq, ordinal chat.Ordinal) {
	rc, ok := r.open[id]
	if !ok {
		if len(r.open) >= maxReceipts {
			return
		}
		rc = unreceived{first: seq, due: now}
		if r.next == 0 {
			r.next = now
		}
	}
	rc.last = place{seq, ordinal, chat.TierSmall}
	if r.open == nil {
		r.open = make(map[chat.ConversationID]unreceived)
	}
	r.open[id] = rc
}

func (s *Session) received(now int64, positions []*throngv1.Position) {
	if s.receipts == nil {
		s.receipts = new(receipts)
	}
	r := s.receipts
	for _, p := range positions {
		id := chat.ConversationID(p.GetConversation())
		rc, ok := r.open[id]
		switch seq := chat.Seq(p.GetSeq()); {
		case !ok || seq < rc.first:
		case seq >= rc.last.seq:
			delete(r.open, id)
		default:
			r.open[id] = unreceived{first: seq + 1, last: rc.last, due: now}
		}
	}
	if len(r.open) == 0 {
		r.next, r.open = 0, nil
	}
}

const (
	// saidBurst and saidEvery bound what a session says of what its device has: so many positions at once, and one more in so many milliseconds. A
	// device that was away has something of many conversations at once.
	saidBurst, saidEvery = 1_000, 50
)

// got passes on what the device has, for those who wait for it (RCP-3). What is beyond the bound, or comes while that is left out, is dropped: the
// next position says it too.
func (s *Session) got(now int64, positions []*throngv1.Position) {
	r := s.receipts
	if len(positions) == 0 || s.out.env.cfg.leaves(pressure.ReceiptsOff) {
		return
	}
	r.said = max(0, r.said-int((now-r.saidAt)/saidEvery))
	r.saidAt = now
	if positions = positions[:min(len(positions), saidBurst-r.said)]; len(positions) > 0 {
		r.said += len(positions)
		s.call(Call{Kind: CallReceived, Positions: positions})
	}
}

// tickReceipts repeats what is overdue as hints and ends the session of a dead device; it returns when to look again. due is
// the time of the delivery, or of the repetition.
func (s *Session) tickReceipts(now int64) (next int64) {
	r, timeout := s.receipts, s.out.env.cfg.ReceivedTimeout.Milliseconds()
	if r != nil && s.out.env.cfg.leaves(pressure.ReceiptsOff) {
		r.open, r.next = nil, 0
	}
	if r == nil || r.next == 0 {
		return now + timeout
	}
	if now < r.next+timeout {
		return r.next + timeout
	}
	oldest := now
	for id, rc := range r.open {
		if now >= rc.due+timeout {
			if rc.repeated {
				s.End(throngv1.CloseCode_CLOSE_CODE_IDLE, "deliveries_unacknowledged", 0)
				return now
			}
			s.out.Push(hintPiece(s.out.sub, id, rc.last), id, rc.last)
			rc.due, rc.repeated = now, true
			r.open[id] = rc
		}
		oldest = min(oldest, rc.due)
	}
	r.next = oldest
	return oldest + timeout
}
