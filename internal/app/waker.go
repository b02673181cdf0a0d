package app

import (
	"cmp"
	"context"
	"log/slog"
	"math/bits"
	"sync/atomic"
	"time"

	"github.com/throng-im/throng/internal/cluster"
	"github.com/throng-im/throng/internal/queue"
)

// relay is what takes events from the outbox to the queue ([queue.Relay]).
type relay interface {
	Wake(lanes ...queue.Lane)
	Behind() time.Duration
}

// waker tells those who relay lanes that something was committed there: this node's own relay, or other nodes'. What it does not
// tell they find by themselves a little later.
type waker struct {
	// immutable after construction
	self     cluster.Node
	registry cluster.Registry
	bus      cluster.Bus
	relay    relay
	log      *slog.Logger
	kick     chan struct{} // capacity 1: lanes is not zero

	// atomic
	lanes atomic.Uint64 // with events that nobody was told of
}

func newWaker(self cluster.Node, registry cluster.Registry, bus cluster.Bus, r relay, log *slog.Logger) *waker {
	return &waker{self: self, registry: registry, bus: bus, relay: r, log: log, kick: make(chan struct{}, 1)}
}

// committed notes lanes, a bit for each. It never blocks, and may be called from any goroutine.
func (w *waker) committed(lanes uint64) {
	if w.lanes.Or(lanes) != 0 {
		return // somebody has kicked already
	}
	select {
	case w.kick <- struct{}{}:
	default:
	}
}

// run tells until ctx ends.
func (w *waker) run(ctx context.Context) error {
	for {
		select {
		case <-w.kick:
			w.tell(ctx, w.lanes.Swap(0))
		case <-ctx.Done():
			return nil
		}
	}
}

func (w *waker) tell(ctx context.Context, lanes uint64) {
	w.wake(lanes) // its own; it passes over the others
	nodes, err := w.registry.Nodes(ctx)
	var parcels []cluster.Parcel
	for i := range nodes {
		n := &nodes[i]
		if theirs := n.Lanes & lanes; theirs != 0 && n.Node != w.self {
			parcels = append(parcels, cluster.Parcel{Node: n.Node, Delivery: &cluster.Delivery{Kind: cluster.DeliverWake, Lanes: theirs}})
		}
	}
	if len(parcels) > 0 {
		w.bus.Post(ctx, parcels)
	}
	for i := range parcels {
		err = cmp.Or(err, parcels[i].Err)
	}
	if err != nil && ctx.Err() == nil {
		w.log.Debug("relays of other nodes were not woken", "error", err)
	}
}

// wake wakes this node's relay.
func (w *waker) wake(lanes uint64) {
	for ; lanes != 0; lanes &= lanes - 1 {
		w.relay.Wake(queue.Lane(bits.TrailingZeros64(lanes)))
	}
}

// behind is how long events wait to be published, on whatever node they wait.
func (w *waker) behind() time.Duration {
	most := w.relay.Behind()
	nodes, err := w.registry.Nodes(context.Background()) // from memory
	if err != nil {
		return most
	}
	for i := range nodes {
		most = max(most, nodes[i].Behind)
	}
	return most
}
