package gateway

import (
	"sync"
	"sync/atomic"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/cluster"
)

// onlineShards keeps loops out of each other's way; a power of two.
const onlineShards = 64

// online knows on which loops users have sessions. Loops write to it, the fan-out reads. Lock order: a shard → the
// registrar's own locks.
type online struct {
	// immutable after construction
	routes  cluster.Registrar
	settler cluster.Settler // nil where the registrar does not tell

	shards [onlineShards]onlineShard
}

type onlineShard struct {
	// guarded by mu
	mu     sync.RWMutex
	users  map[chat.UserID]whereabouts
	groups map[chat.ConversationID]audience
}

// audience is where a conversation above the small tier has subscribers.
type audience struct {
	tally *tally
	loops uint64 // a bit per loop that has some
	open  uint64 // a bit per loop that has some who have it open
	// pending is how many loops have been told of new subscribers and have not seen to it yet. Until they have, deliveries go to
	// all loops: the first one after an Enter must not be judged by a bit that is about to be set.
	pending int
}

// tally counts a conversation's subscribers on this node, and those of them who have it open.
type tally struct{ members, open atomic.Int64 }

// whereabouts of a user on this node.
type whereabouts struct {
	loops    uint64 // a bit per loop
	sessions uint32
}

func newOnline(routes cluster.Registrar) *online {
	o := &online{routes: routes}
	o.settler, _ = routes.(cluster.Settler)
	for i := range o.shards {
		o.shards[i].users = make(map[chat.UserID]whereabouts)
		o.shards[i].groups = make(map[chat.ConversationID]audience)
	}
	return o
}

// add counts a session and returns the user's sessions and loops, this one included. The route stands when it returns,
// other nodes' knowledge of it apart.
func (o *online) add(user chat.UserID, loop int) whereabouts {
	s := &o.shards[user%onlineShards]
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.users[user]
	if p.sessions == 0 {
		o.routes.Attach(user)
	}
	p.sessions++
	p.loops |= 1 << loop
	s.users[user] = p
	return p
}

// remove takes a session away; last says that it was the loop's last of the user.
func (o *online) remove(user chat.UserID, loop int, last bool) {
	s := &o.shards[user%onlineShards]
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.users[user]
	p.sessions--
	if last {
		p.loops &^= 1 << loop
	}
	if p.sessions == 0 {
		delete(s.users, user)
		o.routes.Detach(user)
		return
	}
	s.users[user] = p
}

// loops returns a bit for each loop that has a session of one of the users.
func (o *online) loops(users []chat.UserID) (mask uint64) {
	for _, u := range users {
		s := &o.shards[u%onlineShards]
		s.mu.RLock()
		mask |= s.users[u].loops
		s.mu.RUnlock()
	}
	return mask
}

// expect notes that so many loops are about to be told of new subscribers. The route stands when it returns.
func (o *online) expect(id chat.ConversationID, loops int) {
	o.audience(id, func(a *audience) { a.pending += loops })
}

// told notes that one of them has seen to it.
func (o *online) told(id chat.ConversationID) {
	o.audience(id, func(a *audience) { a.pending-- })
}

// enter notes that a loop has its first subscriber of a conversation; it returns where subscribers are counted.
func (o *online) enter(id chat.ConversationID, loop int) (t *tally) {
	o.audience(id, func(a *audience) {
		a.loops |= 1 << loop
		t = a.tally
	})
	return t
}

// watch notes whether a loop has subscribers who have a conversation open.
func (o *online) watch(id chat.ConversationID, loop int, watched bool) {
	o.audience(id, func(a *audience) {
		if a.open &^= 1 << loop; watched {
			a.open |= 1 << loop
		}
	})
}

// watched returns a bit for each loop that may have subscribers who have a conversation open.
func (o *online) watched(id chat.ConversationID) uint64 {
	s := &o.shards[id%onlineShards]
	s.mu.RLock()
	defer s.mu.RUnlock()
	if a := s.groups[id]; a.pending == 0 {
		return a.open
	}
	return ^uint64(0)
}

// count returns how many subscribers a conversation has on this node, and how many of them have it open.
func (o *online) count(id chat.ConversationID) (members, open int) {
	s := &o.shards[id%onlineShards]
	s.mu.RLock()
	defer s.mu.RUnlock()
	t := s.groups[id].tally
	if t == nil {
		return 0, 0
	}
	return int(t.members.Load()), int(t.open.Load())
}

// leave notes that a loop has no subscriber of a conversation any more.
func (o *online) leave(id chat.ConversationID, loop int) {
	o.audience(id, func(a *audience) { a.loops &^= 1 << loop })
}

// audience changes a conversation's, and its route with it.
func (o *online) audience(id chat.ConversationID, change func(a *audience)) {
	s := &o.shards[id%onlineShards]
	s.mu.Lock()
	defer s.mu.Unlock()
	a, had := s.groups[id]
	if !had {
		a.tally = new(tally)
	}
	change(&a)
	if a.loops == 0 && a.pending == 0 && a.open == 0 {
		delete(s.groups, id)
		if had {
			o.routes.DetachGroup(id)
		}
		return
	}
	s.groups[id] = a
	if !had {
		o.routes.AttachGroup(id)
	}
}

// settled reports that every route is known to be visible to every node.
func (o *online) settled() bool { return o.settler != nil && o.settler.Settled() }

// group returns a bit for each loop that may have subscribers of a conversation.
func (o *online) group(id chat.ConversationID) uint64 {
	s := &o.shards[id%onlineShards]
	s.mu.RLock()
	defer s.mu.RUnlock()
	if a := s.groups[id]; a.pending == 0 {
		return a.loops
	}
	return ^uint64(0)
}
