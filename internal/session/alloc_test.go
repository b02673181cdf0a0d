package session_test

import (
	"testing"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/session"
	"github.com/throng-im/throng/internal/wire"
)

// A delivery costs a copy: nothing is allocated for a receiver, and an entry is encoded once whatever their number.
func TestADeliveryAllocatesNothing(t *testing.T) {
	cfg := session.Default()
	env := session.NewEnv(&cfg, nil, 0)
	for _, sub := range []wire.Subprotocol{wire.Proto, wire.JSON} {
		sessions := make([]*session.Session, 64)
		for i := range sessions {
			s := session.New(env, sub, 0)
			s.Handle(0, authenticate("1:10"))
			s.Authenticated(0, 0, 1, accountOf(1, 10), nil)
			s.Subscribed(0, 0, 1, nil)
			s.Outbox().Take()
			sessions[i] = s
		}
		parcel := session.NewParcel(entry(5, 1, 3, "hello", 1))
		head := chat.Head{Conversation: 6, Seq: 9, Ordinal: 9, Tier: chat.TierLarge}
		hint := wire.Hint(sub, head)
		var everybody session.Shared = once{piece: wire.EncodeEntry(sub, entry(6, 9, 3, "hello").Entry, false), head: head}
		round := func() {
			for _, s := range sessions {
				for _, n := range []int{8, 1} {
					for range n {
						s.Deliver(0, parcel)
					}
					frame, buf := s.Outbox().Take()
					if shared := buf == nil; len(frame) == 0 || shared != (n == 1) {
						t.Fatalf("%d deliveries are one frame for all: %v", n, shared)
					}
					s.Outbox().PutBack(buf)
				}
				if !s.Share(everybody) { // nothing waits: the shell writes what was made for everybody
					t.Fatal("the session took what is the shell's to write")
				}
				s.Hint(head, hint)
				s.Share(everybody)
				_, buf := s.Outbox().Take()
				s.Outbox().PutBack(buf)
			}
		}
		round() // buffers and the encoding come to be
		if allocs := testing.AllocsPerRun(100, round); allocs >= 1 {
			t.Errorf("%s: %v allocations for %d deliveries", sub, allocs, 9*len(sessions))
		}
	}
}

// once is content that was encoded before.
type once struct {
	piece []byte
	head  chat.Head
}

func (o once) Piece(wire.Subprotocol) []byte { return o.piece }

func (o once) End() chat.Head { return o.head }
