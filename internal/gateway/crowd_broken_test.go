package gateway_test

import (
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/chunk"
	"github.com/throng-im/throng/internal/cluster"
	"github.com/throng-im/throng/internal/gateway"
	"github.com/throng-im/throng/internal/wire"
)

// fragile is a transport that takes everything until it breaks.
type fragile struct {
	net.Conn

	broken atomic.Bool
}

func (f *fragile) TryWrite(p []byte) (int, error) {
	if f.broken.Load() {
		return 0, io.ErrClosedPipe
	}
	return len(p), nil
}

// DLV-3: who is removed from a large conversation while a round of it is under way and another one waits, and whose connection
// turns out to be broken by then, takes nobody else's place.
func TestARemovedMemberWhoseConnectionBreaks(t *testing.T) {
	t.Parallel()
	inForum(t, func(c *gateway.Config, _ *gateway.Deps) { c.Loops = 1 }, func(h *forum) {
		const leaver, others = 1_000, 300
		h.member(big, 1, leaver)
		client, server := net.Pipe()
		tr := &fragile{Conn: server}
		if err := h.gateway.Open(tr, gateway.Hello{Subprotocol: wire.Proto, Token: tokenOf(leaver)}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		p := &peer{t: t, Conn: client, r: client}
		p.send(focusOn(uint64(big)))
		synctest.Wait()
		var guests []*guest
		for i := range others {
			user := chat.UserID(i + 1)
			h.member(big, 1, user)
			g := h.enter(uint64(user), wire.Proto)
			g.focus(uint64(big))
			g.said()
			guests = append(guests, g)
		}
		follow := func() {
			tr.broken.Store(true)
			h.deliver(content(big, 2, chat.TierLarge))
			h.deliver(&cluster.Delivery{Kind: cluster.DeliverLeave, Conversation: big, Users: []chat.UserID{leaver}})
		}
		h.onTake(follow) // a slice of the first round has gone out
		h.deliver(content(big, 1, chat.TierLarge))
		for _, g := range guests {
			assert.Equal(t, "who stays", g.said(), []string{"entry 1", "entry 2"})
		}
		synctest.Wait()
		_ = client.Close()
	})
}

// RFC 6455 section 5.5.1, S-29: what waits of a large conversation for a busy connection is not sent behind its goodbye.
func TestNothingFollowsTheGoodbye(t *testing.T) {
	t.Parallel()
	inForum(t, nil, func(h *forum) {
		h.member(big, 1, 1)
		g := h.enter(1, wire.Proto)
		g.focus(uint64(big))
		g.said()
		g.stall(0)
		for seq := range chat.Seq(4) {
			h.deliver(content(big, seq+1, chat.TierLarge))
			synctest.Wait()
		}
		h.gateway.CloseDevices(1, nil, chat.ReasonSignedOut)
		synctest.Wait()
		g.free()
		got := g.said()
		assert.Equal(t, "the end", got[len(got)-2:], []string{"closing", "closed"})
	})
}

// DLV-20: a member gets nothing of before its time, also where a round without entries goes out in one write with such ones.
func TestRoundsTogetherKeepToTheMembersTime(t *testing.T) {
	t.Parallel()
	inForum(t, func(c *gateway.Config, _ *gateway.Deps) { c.Loops = 1 }, func(h *forum) {
		h.member(big, 7, 1)
		g := h.enter(1, wire.Proto)
		g.focus(uint64(big))
		g.said()
		enc := chunk.NewEncoder()
		rounds := func(seqs ...chat.Seq) []*chunk.Round {
			c := chunk.NewCollector(enc)
			for _, seq := range seqs {
				d := content(big, seq, chat.TierLarge)
				c.Add(0, d.Entry, d.Head, chunk.Pace{})
				c.Cut(0, big)
			}
			return c.Take()
		}
		list := rounds(6, 8)
		notice := rounds(5)[0]
		notice.Chunks, notice.Head, notice.Notice = nil, chat.Head{Conversation: big}, &chunk.Notice{}
		h.gateway.PostRounds(notice, list[0], list[1])
		assert.Equal(t, "who came with 7", g.said(), []string{"batching 0", "entry 8"})
	})
}

// DLV-21: an entry waits for a second at most, also behind a round that found nobody any more when its names were there.
func TestAnEntryBehindARoundForNobody(t *testing.T) {
	t.Parallel()
	n := &names{}
	inForum(t, func(_ *gateway.Config, d *gateway.Deps) { d.Names = n }, func(h *forum) {
		h.member(big, 1, 1)
		g := h.enter(1, wire.Proto)
		g.focus(uint64(big))
		g.said()
		hold := make(chan struct{})
		n.hold.Store(&hold)
		h.deliver(content(big, 1, chat.TierLarge))
		g.focus()
		h.pass(20 * time.Millisecond)
		close(hold) // the round goes to nobody: the next one begins in 20 ms
		n.hold.Store(nil)
		synctest.Wait()
		g.focus(uint64(big))
		g.said()
		h.deliver(content(big, 2, chat.TierLarge))
		h.pass(2 * time.Second)
		assert.Equal(t, "who has it open again", g.said(), []string{"profile User 3", "entry 2"})
	})
}

// DLV-20: a hint reaches all who stay, also where many of those who had it already go meanwhile.
func TestHintsWhileManyGo(t *testing.T) {
	t.Parallel()
	inForum(t, func(c *gateway.Config, _ *gateway.Deps) { c.Loops = 1 }, func(h *forum) {
		const people = 400
		var guests []*guest
		for i := range people {
			user := chat.UserID(i + 1)
			h.member(big, 1, user)
			guests = append(guests, h.enter(uint64(user), wire.Proto))
		}
		h.deliver(content(big, 1, chat.TierLarge))
		h.pass(500 * time.Millisecond)
		var stay []*guest
		for _, g := range guests {
			if len(g.said()) > 0 {
				g.conn.Close()
			} else {
				stay = append(stay, g)
			}
		}
		assert.True(t, "half of them have it", len(stay) > people/3 && len(stay) < people*2/3)
		h.pass(2 * time.Second)
		for _, g := range stay {
			assert.Equal(t, "who stays", g.said(), []string{"hint 1"})
		}
	})
}

// DLV-8: rounds that go out together make no copy for a receiver whose window is its own, however many they are.
func TestRoundsTogetherForASmallWindow(t *testing.T) {
	t.Parallel()
	inForum(t, func(c *gateway.Config, _ *gateway.Deps) { c.Loops = 1 }, func(h *forum) {
		h.member(big, 1, 1)
		h.window = 9
		g := h.enter(1, wire.Proto)
		g.focus(uint64(big))
		g.said()
		c := chunk.NewCollector(chunk.NewEncoder())
		for seq := range chat.Seq(60) {
			d := content(big, seq+1, chat.TierLarge)
			d.Entry.Body = chat.Text{Text: strings.Repeat("x", 15_000)}
			c.Add(0, d.Entry, d.Head, chunk.Pace{})
			c.Cut(0, big)
		}
		g.stall(0)
		h.gateway.PostRounds(c.Take()...)
		synctest.Wait()
		assert.True(t, "what is held for it alone", h.gateway.Queued() < 64<<10)
		g.free()
		got := g.said()
		assert.Equal(t, "how it ends", got[len(got)-1], "hint 60")
	})
}
