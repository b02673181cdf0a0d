package local

import (
	"context"
	"sync"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/cluster"
)

// Registry knows the only node, once it has announced itself.
type Registry struct {
	// guarded by mu
	mu   sync.Mutex
	info []cluster.Info // none or one; replaced, never changed
}

var _ cluster.Registry = (*Registry)(nil)

// NewRegistry makes a registry without a node.
func NewRegistry() *Registry { return &Registry{} }

// Nodes implements [cluster.Registry].
func (r *Registry) Nodes(ctx context.Context) ([]cluster.Info, error) {
	if err := ctx.Err(); err != nil {
		return nil, chat.Wrap(err, chat.CodeCanceled, chat.ReasonCanceled, "the caller gave up")
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.info, nil
}

// Announce implements [cluster.Registry].
func (r *Registry) Announce(info cluster.Info) {
	r.mu.Lock()
	r.info = []cluster.Info{info}
	r.mu.Unlock()
}
