package local

import (
	"context"
	"sync"

	"github.com/throng-im/throng/internal/cluster"
)

// Bus is a function call: Deliver returns when the receiver has returned.
type Bus struct {
	// guarded by mu
	mu        sync.RWMutex
	receivers map[cluster.Node]*listener
}

// listener lets stop wait for calls that are under way.
type listener struct {
	// guarded by mu: writers are stop, readers are calls
	mu sync.RWMutex
	r  cluster.Receiver
}

// NewBus makes a bus that nobody listens to yet.
func NewBus() *Bus { return &Bus{receivers: make(map[cluster.Node]*listener)} }

// Deliver implements [cluster.Bus].
func (b *Bus) Deliver(ctx context.Context, node cluster.Node, d *cluster.Delivery) error {
	b.mu.RLock()
	l := b.receivers[node]
	b.mu.RUnlock()
	if l == nil {
		return nil
	}
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.r == nil {
		return nil
	}
	return l.r.Receive(ctx, d)
}

// Post implements [cluster.Bus].
func (b *Bus) Post(ctx context.Context, parcels []cluster.Parcel) {
	cluster.PostEach(ctx, parcels, b.Deliver)
}

// Listen implements [cluster.Bus]; a later listener of the same node replaces an earlier one.
func (b *Bus) Listen(node cluster.Node, r cluster.Receiver) (stop func()) {
	l := &listener{r: r}
	b.mu.Lock()
	b.receivers[node] = l
	b.mu.Unlock()
	return func() {
		b.mu.Lock()
		if b.receivers[node] == l {
			delete(b.receivers, node)
		}
		b.mu.Unlock()
		l.mu.Lock()
		l.r = nil
		l.mu.Unlock()
	}
}
