package app

import (
	"context"
	"sync"
)

// gate is open or shut. Parts that others can take over run while it is open. It may be used from any goroutine.
type gate struct {
	// guarded by mu
	mu      sync.Mutex
	shut    bool
	changed chan struct{} // closed, and made anew, at each change
}

func newGate() *gate { return &gate{changed: make(chan struct{})} }

func (g *gate) set(shut bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.shut != shut {
		g.shut = shut
		close(g.changed)
		g.changed = make(chan struct{})
	}
}

func (g *gate) now() (shut bool, changed <-chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.shut, g.changed
}

// run returns what runs a part until ctx ends, ends it while the gate is shut, and begins it again when it opens.
func (g *gate) run(part func(ctx context.Context) error) func(ctx context.Context) error {
	return func(ctx context.Context) error {
		for ctx.Err() == nil {
			shut, changed := g.now()
			if shut {
				select {
				case <-changed:
				case <-ctx.Done():
				}
				continue
			}
			inner, cancel := context.WithCancel(ctx)
			go func() { // ends with the part
				select {
				case <-changed:
					cancel()
				case <-inner.Done():
				}
			}()
			err := part(inner)
			cancel()
			select {
			case <-changed: // that is why it ended
			default:
				return err
			}
		}
		return nil
	}
}
