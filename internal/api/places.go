package api

import (
	"sync"

	"github.com/throng-im/throng/internal/chat"
)

// places bounds the exports that run at once: each reads whole conversations. A user has one of them, so that nobody keeps
// the others waiting by asking twice.
type places struct {
	// immutable after construction
	max int

	// guarded by mu
	mu    sync.Mutex
	taken map[chat.UserID]struct{}
}

func newPlaces(most int) *places {
	return &places{max: most, taken: make(map[chat.UserID]struct{}, most)}
}

// take reports whether the user got a place, which is given back with free.
func (p *places) take(user chat.UserID) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, has := p.taken[user]; has || len(p.taken) >= p.max {
		return false
	}
	p.taken[user] = struct{}{}
	return true
}

func (p *places) free(user chat.UserID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.taken, user)
}
