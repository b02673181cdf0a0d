package gateway_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
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
	pause func() // of whoever delivers; nil: none
}

func (r *rapids) Listen(cluster.Node, cluster.Receiver) func() { return func() {} }

func (r *rapids) Post(ctx context.Context, parcels []cluster.Parcel) {
	cluster.PostEach(ctx, parcels, r.Deliver)
}

func (r *rapids) Deliver(ctx context.Context, _ cluster.Node, d *cluster.Delivery) error {
	if r.pause != nil {
		r.pause()
	}
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

// eddies are routes that others see late: after a while, or when a flush has returned.
type eddies struct {
	*local.Routes

	// guarded by mu
	mu   sync.Mutex
	rnd  *rand.Rand
	told []func() // what nobody sees yet
	seen int      // how many others they saw
}

func (e *eddies) tell(what func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.told = append(e.told, what)
}

func (e *eddies) Attach(user chat.UserID)            { e.tell(func() { e.Routes.Attach(user) }) }
func (e *eddies) Detach(user chat.UserID)            { e.tell(func() { e.Routes.Detach(user) }) }
func (e *eddies) AttachGroup(id chat.ConversationID) { e.tell(func() { e.Routes.AttachGroup(id) }) }
func (e *eddies) DetachGroup(id chat.ConversationID) { e.tell(func() { e.Routes.DetachGroup(id) }) }

func (e *eddies) Settled() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.told) == 0
}

func (e *eddies) Flush(context.Context) error {
	e.mu.Lock()
	upTo, wait := e.seen+len(e.told), time.Duration(e.rnd.IntN(10))*time.Millisecond
	e.mu.Unlock()
	<-time.After(wait)
	e.mu.Lock()
	defer e.mu.Unlock()
	for ; e.seen < upTo; e.seen++ {
		e.told[0]()
		e.told = e.told[1:]
	}
	return nil
}

// run has others see the routes, though nobody waits for that.
func (e *eddies) run(ctx context.Context) {
	for ctx.Err() == nil {
		_ = e.Flush(ctx)
		<-time.After(20 * time.Millisecond)
	}
}

// TestRapids: members come and go, the conversation is small, medium and large in turn, sessions open and close, and the bus between the
// fan-out and the gateway loses deliveries, repeats them and brings some late; in half of the runs routes are seen late, too. Nobody learns of an entry that is not for the user (I6);
// once the bus is still, nobody delivers who should not, and the node has read again what it may have missed, every member gets what is said.
func TestRapids(t *testing.T) {
	t.Parallel()
	for seed := range uint64(24) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			t.Parallel()
			r := &river{backend: newBackend(), members: make(map[chat.UserID]chat.Member), large: 7}
			r.head.Conversation = riverID
			routes := local.NewRoutes("n1")
			late := &eddies{Routes: routes, rnd: rand.New(rand.NewPCG(seed, 4))}
			var registrar cluster.Registrar = routes
			if seed%2 == 1 {
				registrar = late
			}
			inForum(t, func(c *gateway.Config, d *gateway.Deps) {
				r.more = make(chan struct{})
				c.HintRate, c.ResyncRate = 1_000_000, 1_000
				*d = r.deps(registrar)
				d.Subscriptions = r
			}, func(h *forum) {
				ctx, cancel := context.WithCancel(h.t.Context())
				done := make(chan struct{})
				go func() { defer close(done); late.run(ctx) }()
				shoot(h, r, routes, rand.New(rand.NewPCG(seed, 2)))
				cancel()
				<-done
			})
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
	ctx, cancel := context.WithCancel(h.t.Context())
	var wg sync.WaitGroup
	defer func() { cancel(); wg.Wait() }()
	follow := func(ctx context.Context, wg *sync.WaitGroup, pause func()) *rapids {
		bus := &rapids{gateway: h.gateway, rnd: rand.New(rand.NewPCG(rnd.Uint64(), 3)), pause: pause}
		cfg := fanout.Default()
		cfg.CacheMembers = 1_024
		fan, err := fanout.New(cfg, fanout.Deps{Streams: local.NewStreams(r), Members: r, Routes: routes, Bus: bus})
		assert.NoError(h.t, "fan-out", err)
		wg.Go(func() { _ = fan.Run(ctx) })
		return bus
	}
	bus := follow(ctx, &wg, nil)
	paused, end := context.WithCancel(ctx)
	var gone sync.WaitGroup
	if rnd.IntN(2) == 0 { // a node has lost its stream and does not know yet
		pauses := rand.New(rand.NewPCG(rnd.Uint64(), 5))
		follow(paused, &gone, func() {
			if pauses.IntN(10) == 0 {
				h.pass(time.Duration(pauses.IntN(100)) * time.Millisecond)
			}
		})
	}

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
	end()
	gone.Wait()
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
	for _, g := range live {
		g.said()
	}
	// A change that passed before the node's route was seen shows with the next entry: that one has members look for themselves.
	check(h, r, live, r.commit(chat.Text{Text: "the last"}), true)
	check(h, r, live, r.commit(chat.Text{Text: "the very last"}), false)
}

// check asserts that the members among some guests, and nobody else, have the entry with which the conversation ends, or, where that is
// allowed, were told to sync since.
func check(h *forum, r *river, live map[chat.UserID]*guest, last chat.Seq, hints bool) {
	h.t.Helper()
	h.pass(5 * time.Second)
	for u, g := range live {
		said, member := g.said(), r.member(u)
		h.mu.Lock()
		has := g.last[uint64(riverID)] == uint64(last) || (hints && member.Current() && slices.Contains(said, "sync"))
		h.mu.Unlock()
		if has != member.Current() {
			h.t.Errorf("user %d, member %v, was told %q, the last is %d", u, member.Spans, said, last)
		}
	}
}
