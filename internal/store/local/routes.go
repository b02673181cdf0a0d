package local

import (
	"context"
	"sync"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/cluster"
)

// shards keeps writers of different users apart; a power of two.
const shards = 64

// Routes are the routes of one node, which are all there are.
type Routes struct {
	// immutable after construction
	node cluster.Node

	users  [shards]set[chat.UserID]
	groups [shards]set[chat.ConversationID]
}

// set is a part of the routes.
type set[K comparable] struct {
	// guarded by mu
	mu sync.RWMutex
	in map[K]struct{}
}

// NewRoutes makes the routes of the only node.
func NewRoutes(node cluster.Node) *Routes {
	r := &Routes{node: node}
	for i := range shards {
		r.users[i].in = make(map[chat.UserID]struct{})
		r.groups[i].in = make(map[chat.ConversationID]struct{})
	}
	return r
}

// Attach implements [cluster.Registrar].
func (r *Routes) Attach(user chat.UserID) { r.users[user%shards].add(user) }

// Detach implements [cluster.Registrar].
func (r *Routes) Detach(user chat.UserID) { r.users[user%shards].remove(user) }

// AttachGroup implements [cluster.Registrar].
func (r *Routes) AttachGroup(id chat.ConversationID) { r.groups[id%shards].add(id) }

// DetachGroup implements [cluster.Registrar].
func (r *Routes) DetachGroup(id chat.ConversationID) { r.groups[id%shards].remove(id) }

// Flush implements [cluster.Registrar]; there is nobody to tell.
func (r *Routes) Flush(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return chat.Wrap(err, chat.CodeCanceled, chat.ReasonCanceled, "the caller gave up")
	}
	return nil
}

// Settled implements [cluster.Settler].
func (r *Routes) Settled() bool { return true }

// Users implements [cluster.Routes].
func (r *Routes) Users(_ context.Context, users []chat.UserID, buf []cluster.Node) ([]cluster.Node, error) {
	for _, u := range users {
		if r.users[u%shards].has(u) {
			return append(buf, r.node), nil
		}
	}
	return buf, nil
}

// Group implements [cluster.Routes].
func (r *Routes) Group(_ context.Context, id chat.ConversationID, buf []cluster.Node) ([]cluster.Node, error) {
	if r.groups[id%shards].has(id) {
		buf = append(buf, r.node)
	}
	return buf, nil
}

// Resolve implements [cluster.Routes].
func (r *Routes) Resolve(ctx context.Context, lookups []cluster.Lookup) {
	cluster.ResolveEach(ctx, r, lookups)
}

// All implements [cluster.Routes].
func (r *Routes) All(_ context.Context, buf []cluster.Node) ([]cluster.Node, error) {
	return append(buf, r.node), nil
}

func (s *set[K]) add(k K) {
	s.mu.Lock()
	s.in[k] = struct{}{}
	s.mu.Unlock()
}

func (s *set[K]) remove(k K) {
	s.mu.Lock()
	delete(s.in, k)
	s.mu.Unlock()
}

func (s *set[K]) has(k K) bool {
	s.mu.RLock()
	_, ok := s.in[k]
	s.mu.RUnlock()
	return ok
}
