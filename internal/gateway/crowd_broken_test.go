package gateway_test

import (
	"io"
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
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
