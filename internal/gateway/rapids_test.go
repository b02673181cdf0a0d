package gateway_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/cluster"
	"github.com/throng-im/throng/internal/fanout"
	"github.com/throng-im/throng/internal/gateway"
	"github.com/throng-im/throng/internal/store/local"
	"github.com/throng-im/throng/internal/wire"
)

// rapids is a bus that loses deliveries, repeats them, and keeps some back, as a cluster's may, until it is still.
type rapids struct {
	gateway *gateway.Server

	// guarded by mu
	mu    sync.Mutex
	rnd   *rand.Rand
	late  []*cluster.Delivery
	still bool
}

func (r *rapids) Listen(cluster.Node, cluster.Receiver) func() { return func() {} }

func (r *rapids) Deliver(ctx context.Context, _ cluster.Node, d *cluster.Delivery) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := []*cluster.Delivery{d}
	if !r.still {
		switch r.rnd.IntN(16) {
		case 0:
			now = nil
		case 1:
			now = append(now, d)
		case 2:
			r.late = append(r.late, d)
		case 3:
			now, r.late = nil, append(r.late, d)
		}
		if n := len(r.late); n > 0 && r.rnd.IntN(8) == 0 {
			i := r.rnd.IntN(n)
			now = append(now, r.late[i])
			r.late[i] = r.late[n-1]
			r.late = r.late[:n-1]
		}
	}
	for _, d := range now {
		if err := r.gateway.Receive(ctx, d); err != nil {
			return err
		}
	}
	return nil
}

// settle delivers what was kept back, and nothing gets lost any more.
func (r *rapids) settle(t testing.TB) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.still = true
	for _, d := range r.late {
		assert.NoError(t, "late", r.gateway.Receive(t.Context(), d))
	}
	r.late = nil
}

// TestRapids: members come and go, the conversation is small, medium and large in turn, sessions open and close, and the bus between the
// fan-out and the gateway loses deliveries, repeats them and brings some late. Nobody learns of an entry that is not for the user (I6);
// once the bus is still, and the node has read again what it may have missed, every member gets what is said.
func TestRapids(t *testing.T) {
	t.Parallel()
	for seed := range uint64(24) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			t.Parallel()
			r := &river{backend: newBackend(), members: make(map[chat.UserID]chat.Member), large: 7}
			r.head.Conversation = riverID
			routes := local.NewRoutes("n1")
			inForum(t, func(c *gateway.Config, d *gateway.Deps) {
				r.more = make(chan struct{})
				c.HintRate, c.ResyncRate = 1_000_000, 1_000
				*d = r.deps(routes)
				d.Subscriptions = r
			}, func(h *forum) { shoot(h, r, routes, rand.New(rand.NewPCG(seed, 2))) })
		})
	}
}

func shoot(h *forum, r *river, routes *local.Routes, rnd *rand.Rand) {
	const users = 10
	h.loose = true
	h.allowed = func(key, seq uint64) bool {
		m := r.member(chat.UserID(key % 100))
		return m.Sees(chat.Seq(seq))
	}
	bus := &rapids{gateway: h.gateway, rnd: rand.New(rand.NewPCG(rnd.Uint64(), 3))}
	cfg := fanout.Default()
	cfg.CacheMembers = 1_024
	fan, err := fanout.New(cfg, fanout.Deps{Streams: local.NewStreams(r), Members: r, Routes: routes, Bus: bus})
	assert.NoError(h.t, "fan-out", err)
	ctx, cancel := context.WithCancel(h.t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { _ = fan.Run(ctx) })
	defer func() { cancel(); wg.Wait() }()

	live := make(map[chat.UserID]*guest)
	opened := uint64(0)
	open := func(u chat.UserID) {
		opened++
		g := h.knock(uint64(u)+100*opened, wire.Proto, fmt.Sprintf("%d:%d", u, 1_000+opened))
		g.focus(uint64(riverID))
		live[u] = g
	}
	for range 800 {
		switch u := chat.UserID(rnd.IntN(users) + 1); rnd.IntN(16) {
		case 0, 1, 2:
			r.change(u)
		case 3:
			if g := live[u]; g != nil {
				g.conn.Close()
				delete(live, u)
			} else {
				open(u)
			}
		case 4:
			if rnd.IntN(20) == 0 {
				h.gateway.Resync()
			}
		case 5, 6:
			h.pass(time.Duration(rnd.IntN(30)) * time.Millisecond)
		default:
			r.commit(chat.Text{Text: "flows"})
		}
	}
	h.pass(time.Second)
	bus.settle(h.t)
	h.gateway.Resync()
	for u := chat.UserID(1); u <= users; u++ {
		if live[u] == nil {
			open(u)
		}
		if !r.member(u).Current() && rnd.IntN(3) > 0 {
			r.change(u)
		}
	}
	h.pass(5 * time.Second)
	last := uint64(r.commit(chat.Text{Text: "the last"}))
	h.pass(5 * time.Second)
	for u, g := range live {
		said := g.said()
		h.mu.Lock()
		if got := g.last[uint64(riverID)]; (got == last) != r.member(u).Current() {
			h.t.Errorf("user %d, member %v, has %d, the last is %d: %q", u, r.member(u).Spans, got, last, said[max(0, len(said)-5):])
		}
		h.mu.Unlock()
	}
}
