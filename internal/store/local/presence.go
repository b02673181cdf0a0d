package local

import (
	"context"
	"maps"
	"slices"
	"sync"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/presence"
)

// Presence is who is there on the nodes of this process, mostly one.
type Presence struct {
	// guarded by mu
	mu    sync.Mutex
	nodes map[string]map[chat.ConversationID]uint32
	users map[chat.UserID]*present
	notes uint64
}

// present is what nodes noted of a user, and which watch.
type present struct {
	version  uint64
	states   map[string]presence.State
	watchers map[string]struct{}
}

// NewPresence makes it, without a node.
func NewPresence() *Presence {
	return &Presence{nodes: make(map[string]map[chat.ConversationID]uint32), users: make(map[chat.UserID]*present)}
}

// Join adds a node.
func (p *Presence) Join(node string) *PresenceNode {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.nodes[node] = make(map[chat.ConversationID]uint32)
	return &PresenceNode{all: p, node: node}
}

// Leave has a node gone, and what it noted with it.
func (p *Presence) Leave(node string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.nodes, node)
	for user, x := range p.users {
		delete(x.states, node)
		delete(x.watchers, node)
		p.tidy(user, x)
	}
}

// tidy lets go of a user of whom there is nothing. The caller holds mu.
func (p *Presence) tidy(user chat.UserID, x *present) {
	if len(x.states)+len(x.watchers) == 0 {
		delete(p.users, user)
	}
}

// next is the version of the next note. The caller holds mu.
func (p *Presence) next() uint64 {
	p.notes++
	return p.notes
}

func (p *Presence) of(user chat.UserID) *present {
	x := p.users[user]
	if x == nil {
		x = &present{}
		p.users[user] = x
	}
	return x
}

func (x *present) status(user chat.UserID) presence.Status {
	s := presence.Status{User: user, Version: x.version}
	for _, state := range x.states {
		s.State = max(s.State, state)
	}
	return s
}

// PresenceNode is [Presence] as a node sees it.
type PresenceNode struct {
	// immutable after construction
	all  *Presence
	node string
}

var _ presence.Store = (*PresenceNode)(nil)

// Note implements [presence.Store]. Versions go on where a user is forgotten: they are the number of the note in all.
func (n *PresenceNode) Note(_ context.Context, words []presence.Word) ([]presence.Noted, error) {
	n.all.mu.Lock()
	defer n.all.mu.Unlock()
	out := make([]presence.Noted, len(words))
	for i, w := range words {
		x := n.all.of(w.User)
		x.version = n.all.next()
		if w.State == presence.Offline {
			delete(x.states, n.node)
		} else {
			if x.states == nil {
				x.states = make(map[string]presence.State, 1)
			}
			x.states[n.node] = w.State
		}
		out[i] = presence.Noted{Status: x.status(w.User)}
		if len(x.watchers) > 0 {
			out[i].Watchers = slices.Sorted(maps.Keys(x.watchers))
		}
		n.all.tidy(w.User, x)
	}
	return out, nil
}

// Watch implements [presence.Store].
func (n *PresenceNode) Watch(_ context.Context, users []chat.UserID) ([]presence.Status, error) {
	n.all.mu.Lock()
	defer n.all.mu.Unlock()
	out := make([]presence.Status, len(users))
	for i, u := range users {
		x := n.all.of(u)
		if x.watchers == nil {
			x.watchers = make(map[string]struct{}, 1)
		}
		x.watchers[n.node] = struct{}{}
		out[i] = x.status(u)
	}
	return out, nil
}

// Unwatch implements [presence.Store].
func (n *PresenceNode) Unwatch(_ context.Context, users []chat.UserID) error {
	n.all.mu.Lock()
	defer n.all.mu.Unlock()
	for _, u := range users {
		if x := n.all.users[u]; x != nil {
			delete(x.watchers, n.node)
			n.all.tidy(u, x)
		}
	}
	return nil
}

// Read implements [presence.Store].
func (n *PresenceNode) Read(_ context.Context, users []chat.UserID) ([]presence.Status, error) {
	n.all.mu.Lock()
	defer n.all.mu.Unlock()
	out := make([]presence.Status, len(users))
	for i, u := range users {
		if out[i].User = u; n.all.users[u] != nil {
			out[i] = n.all.users[u].status(u)
		}
	}
	return out, nil
}

// Report implements [presence.Store].
func (n *PresenceNode) Report(_ context.Context, counts []presence.Count) error {
	n.all.mu.Lock()
	defer n.all.mu.Unlock()
	for _, c := range counts {
		if own := n.all.nodes[n.node]; own != nil {
			if own[c.Conversation] = c.Online; c.Online == 0 {
				delete(own, c.Conversation)
			}
		}
	}
	return nil
}

// Counts implements [presence.Store].
func (n *PresenceNode) Counts(_ context.Context, ids []chat.ConversationID) ([]uint64, error) {
	n.all.mu.Lock()
	defer n.all.mu.Unlock()
	out := make([]uint64, len(ids))
	for i, id := range ids {
		for _, own := range n.all.nodes {
			out[i] += uint64(own[id])
		}
	}
	return out, nil
}

// Nodes implements [presence.Store].
func (n *PresenceNode) Nodes() []string {
	n.all.mu.Lock()
	defer n.all.mu.Unlock()
	return slices.Sorted(maps.Keys(n.all.nodes))
}
