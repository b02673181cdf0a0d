package gateway_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/cluster"
	"github.com/throng-im/throng/internal/gateway"
	"github.com/throng-im/throng/internal/pressure"
	"github.com/throng-im/throng/internal/wire"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// TestLivesOfALargeConversation holds what everybody is promised against random lives of one conversation: people come and go, open and
// close it, take nothing for a while; it changes its tier, the server has too much to do, and names are slow. Deliveries of a
// connection rise (DLV-3), nobody is given or hinted at what is not theirs (DLV-2), and in the end everybody who is a member knows
// where it has got to (DLV-20, DLV-24).
func TestLivesOfALargeConversation(t *testing.T) {
	t.Parallel()
	for seed := range uint64(60) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			l := &lives{rng: rand.New(rand.NewPCG(seed, 3)), members: map[uint64][]chat.Span{}, open: map[uint64]bool{}, tier: chat.TierLarge}
			inForum(t, func(cfg *gateway.Config, d *gateway.Deps) {
				cfg.Loops, cfg.Outbound = 1+l.rng.IntN(3), 200+l.rng.IntN(2_000)
				d.Level = func() pressure.Level { return pressure.Level(l.level.Load()) }
				if l.rng.IntN(2) == 0 {
					d.Names = slowNames{l}
				}
			}, l.run)
		})
	}
}

// lives is one random life.
type lives struct {
	rng     *rand.Rand
	forum   *forum
	level   atomic.Int32
	slow    atomic.Bool // names
	guests  []*guest
	members map[uint64][]chat.Span // by key; an open span ends at 0
	open    map[uint64]bool
	seq     chat.Seq
	tier    chat.Tier
}

// slowNames are found late, or not at all.
type slowNames struct{ l *lives }

func (n slowNames) Chunk(ctx context.Context, _ chat.ConversationID, _ []chat.UserID) []*throngv1.Profile {
	if n.l.slow.Load() {
		<-ctx.Done()
	}
	return nil
}

const people = 6

func (l *lives) run(h *forum) {
	l.forum = h
	for key := uint64(1); key <= people; key++ {
		if l.rng.IntN(3) > 0 {
			h.member(big, 1, chat.UserID(key))
			l.members[key] = []chat.Span{{From: 1}}
		}
		sub := wire.Proto
		if l.rng.IntN(3) == 0 {
			sub = wire.JSON
		}
		l.guests = append(l.guests, h.enter(key, sub))
	}
	h.mu.Lock()
	h.allowed = l.sees
	h.mu.Unlock()
	for range 300 {
		l.step(l.guests[l.rng.IntN(people)])
	}
	l.slow.Store(false)
	l.level.Store(0)
	h.gateway.Degrade()
	for _, g := range l.guests {
		g.free()
	}
	h.pass(3 * time.Second)
	for _, g := range l.guests {
		g.said()
	}
	l.tier = chat.TierLarge
	l.entry(chat.Text{Text: "the last word"})
	h.pass(3 * time.Second)
	for _, g := range l.guests {
		l.judge(g, g.said())
	}
}

// judge holds what somebody was told of the last entry against what they should know.
func (l *lives) judge(g *guest, told []string) {
	entry, hint := fmt.Sprintf("entry %d", l.seq), fmt.Sprintf("hint %d", l.seq)
	switch member := l.sees(g.key, uint64(l.seq)); {
	case g.closed: // it took nothing for too long
	case !member && len(told) > 0:
		l.forum.t.Errorf("user %d is no member and was told %q", g.key, told)
	case member && l.open[g.key] && !slices.Contains(told, entry):
		l.forum.t.Errorf("user %d has it open and was told %q, not of %d", g.key, told, l.seq)
	case member && !l.open[g.key] && !slices.Equal(told, []string{hint}):
		l.forum.t.Errorf("user %d was told %q, want %q", g.key, told, hint)
	}
}

// sees reports that an entry is for a user; it is called with the forum's mu held, or while nothing moves.
func (l *lives) sees(key, seq uint64) bool {
	return slices.ContainsFunc(l.members[key], func(s chat.Span) bool {
		return seq >= uint64(s.From) && (s.To == 0 || seq <= uint64(s.To))
	})
}

func (l *lives) step(g *guest) {
	h := l.forum
	switch n := l.rng.IntN(100); {
	case n < 45:
		for range 1 + l.rng.IntN(15) {
			l.entry(chat.Text{Text: "words"})
		}
	case n < 53:
		l.moved(g)
	case n < 65:
		l.open[g.key] = !l.open[g.key]
		if l.open[g.key] {
			g.focus(uint64(big), 77)
		} else {
			g.focus()
		}
	case n < 70:
		g.stall(l.rng.IntN(300))
	case n < 76:
		g.free()
	case n < 82:
		l.tier = chat.TierMedium + chat.Tier(l.rng.IntN(2))
	case n < 85:
		l.slow.Store(!l.slow.Load())
	case n < 88:
		l.level.Store(l.rng.Int32N(2) * int32(pressure.ContentAsHints))
		h.gateway.Degrade()
	default:
		h.pass(time.Duration(l.rng.IntN(1_500)) * time.Millisecond)
	}
}

// entry delivers the next entry as the fan-out does.
func (l *lives) entry(body chat.Body) {
	l.seq++
	d := content(big, l.seq, l.tier)
	d.Entry.Body = body
	l.forum.deliver(d)
}

// moved has somebody come or go.
func (l *lives) moved(g *guest) {
	h, user := l.forum, []chat.UserID{chat.UserID(g.key)}
	h.mu.Lock()
	spans := l.members[g.key]
	member := len(spans) > 0 && spans[len(spans)-1].To == 0
	if member {
		spans[len(spans)-1].To = l.seq + 1
	} else {
		l.members[g.key] = append(spans, chat.Span{From: l.seq + 1})
	}
	h.mu.Unlock()
	if member {
		l.entry(chat.MembersChanged{Action: chat.MemberLeft, Users: user})
		h.deliver(&cluster.Delivery{Kind: cluster.DeliverLeave, Conversation: big, Users: user})
		return
	}
	h.deliver(&cluster.Delivery{Kind: cluster.DeliverEnter, Conversation: big, Users: user, From: l.seq + 1})
	l.entry(chat.MembersChanged{Action: chat.MemberJoined, Users: user})
}
