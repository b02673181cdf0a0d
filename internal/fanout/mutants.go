package fanout

import (
	"sync"

	"github.com/throng-im/throng/internal/cluster"
)

// A mutant is a build with one guarantee taken out, made to prove that a test notices. The build tag mutant_<name> chooses
// one; all of it folds away in ordinary builds.
const (
	mutantNone          = ""
	mutantReordered     = "delivery_reordered"
	mutantUnfiltered    = "fanout_unfiltered"
	mutantRemovedServed = "removed_still_served"
)

// late keeps back every other entry until the next one has gone: the mutant delivery_reordered.
type late struct {
	// guarded by mu
	mu    sync.Mutex
	kept  *cluster.Delivery
	queue []*cluster.Delivery
}

// swap takes the next delivery and returns the one to send now, or nil.
func (l *late) swap(d *cluster.Delivery) *cluster.Delivery {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.queue) > 0 {
		out := l.queue[0]
		l.queue = append(l.queue[1:], d)
		return out
	}
	if l.kept == nil {
		l.kept = d
		return nil
	}
	l.queue = append(l.queue, l.kept)
	l.kept = nil
	return d
}
