package presence

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/throng-im/throng/internal/chat"
)

const (
	// pace is how often what is due is seen to.
	pace = 250 * time.Millisecond
	// batch is how many users go to the store at once.
	batch = 500
	// changeEvery is the least time between two words of this node about a user.
	changeEvery = 2 * time.Second
	// tellEvery is the least time between two words to a watcher.
	tellEvery = time.Second
)

// Hidden returns those of the users whom a watcher must not see, such as who has blocked the watcher.
type Hidden func(ctx context.Context, watcher chat.UserID, users []chat.UserID) ([]chat.UserID, error)

// Deps are what a hub needs.
type Deps struct {
	Store Store
	// Self is this node, as Noted.Watchers names it.
	Self string
	// Tell takes statuses to another node. They may be lost.
	Tell func(ctx context.Context, node string, list []Status) error
	// Rooms say who shares a conversation with whom.
	Rooms Rooms
	// Hidden may be nil, which hides nobody. After a change of what it says [Hub.Doubt] is called, on each node.
	Hidden Hidden
	// Audiences tells for conversations above the small tier how many sessions this node has in them; nil tells none.
	Audiences func(yield func(id chat.ConversationID, sessions int))
	// Quiet reports that nobody is to be told of changes for now; nil is never.
	Quiet func() bool
	// Metrics and Logger may be nil.
	Metrics prometheus.Registerer
	Logger  *slog.Logger
}

// Hub is the presence of one node: it knows the sessions that are open here, what they watch, and says and hears the rest through a
// [Store].
//
//	Opened, Set, Closed ─► person: highest state, changes wait a moment ─► Note ─► nodes that watch ─► Apply ─► subject
//	                                                                                            each watcher, once a second ◄┘
//
// A change of a user waits until its turn and falls together with the next ones; going offline waits for Linger, so that who comes back at
// once was never gone. What a watcher has not taken waits in its list, which is as long as what it watches. One mutex guards all of it, for
// a few lines at a time.
type Hub struct {
	// immutable after construction
	cfg     Config
	deps    Deps
	log     *slog.Logger
	start   time.Time
	metrics *hubMetrics

	// guarded by mu
	mu       sync.Mutex
	people   map[chat.UserID]*person
	watched  map[chat.UserID]*subject
	watchers map[uint64]*watcher
	dirty    map[chat.UserID]struct{} // people with something to say, now or later
	ready    map[*watcher]struct{}    // watchers with something to take
	unwatch  map[chat.UserID]struct{} // subjects whom nobody watches any more
	doubted  map[uint64]struct{}      // sessions whose watches are to be looked at again
	partings uint64                   // how often somebody has left a conversation
	stale    bool                     // everybody who is watched is to be watched, and read, again

	// owned by Run
	nodes    []string
	reread   time.Duration // when subjects are read again, since a node has gone; 0: not
	reported time.Duration
	counted  map[chat.ConversationID]uint32
}

// person is a user with sessions here, or who had some a moment ago.
type person struct {
	seats []seat
	noted State         // as the store was told last
	told  bool          // the store was told at all
	due   time.Duration // when to tell it, where that is not what is so
	at    time.Duration // when it was told last
}

// seat is a session.
type seat struct {
	session uint64
	state   State
}

// state is the highest of the sessions.
func (p *person) state() (s State) {
	for _, x := range p.seats {
		s = max(s, x.state)
	}
	return s
}

// subject is somebody who is watched here.
type subject struct {
	status   Status
	watchers []*watcher
}

// NewHub makes a hub, of a valid configuration.
func NewHub(cfg Config, deps Deps) *Hub {
	h := &Hub{
		cfg: cfg, deps: deps, log: deps.Logger, start: time.Now(),
		people: make(map[chat.UserID]*person), watched: make(map[chat.UserID]*subject), watchers: make(map[uint64]*watcher),
		dirty: make(map[chat.UserID]struct{}), ready: make(map[*watcher]struct{}), unwatch: make(map[chat.UserID]struct{}),
		counted: make(map[chat.ConversationID]uint32), doubted: make(map[uint64]struct{}),
	}
	if h.log == nil {
		h.log = slog.New(slog.DiscardHandler)
	}
	h.metrics = newHubMetrics(deps.Metrics, h)
	return h
}

func (h *Hub) now() time.Duration { return time.Since(h.start) }

// Opened says that a session of a user is open here, and online. Like all methods for loops it never blocks.
func (h *Hub) Opened(session uint64, user chat.UserID) { h.Set(session, user, Online) }

// Set says how a session is there: Offline while its device is suspended.
func (h *Hub) Set(session uint64, user chat.UserID, state State) {
	h.mu.Lock()
	defer h.mu.Unlock()
	p := h.people[user]
	if p == nil {
		p = &person{}
		h.people[user] = p
	}
	for i := range p.seats {
		if p.seats[i].session == session {
			p.seats[i].state = state
			h.changed(user, p, false)
			return
		}
	}
	p.seats = append(p.seats, seat{session, state})
	h.changed(user, p, false)
}

// Lost says that nothing is heard of a session: for as long as that is so it is offline, and nobody waits for it.
func (h *Hub) Lost(session uint64, user chat.UserID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	p := h.people[user]
	if p == nil {
		return
	}
	for i := range p.seats {
		if p.seats[i].session == session {
			p.seats[i].state = Offline
			h.changed(user, p, true)
		}
	}
}

// Closed says that a session is open no more. What it watched ends.
func (h *Hub) Closed(session uint64, user chat.UserID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if w := h.watchers[session]; w != nil {
		h.see(w, nil)
		delete(h.watchers, session)
	}
	p := h.people[user]
	if p == nil {
		return
	}
	for i := range p.seats {
		if p.seats[i].session == session {
			p.seats = append(p.seats[:i], p.seats[i+1:]...)
			h.changed(user, p, false)
			return
		}
	}
}

// changed has a user's state told when its turn comes, where it is not what was told. The caller holds mu.
func (h *Hub) changed(user chat.UserID, p *person, lost bool) {
	state := p.state()
	if p.told && state == p.noted && len(p.seats) > 0 {
		delete(h.dirty, user) // it is as it was before anybody was told otherwise
		return
	}
	now := h.now()
	p.due = now
	switch {
	case lost:
	case state == Offline:
		p.due = now + h.cfg.Linger
	case p.told:
		p.due = max(now, p.at+changeEvery)
	}
	h.dirty[user] = struct{}{}
}

// Apply takes statuses that another node noted.
func (h *Hub) Apply(list []Status) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, s := range list {
		h.apply(s, false)
	}
}

// apply takes a status where it is newer than what is known; one that was read just now also where it is as new, since a node may have gone.
// The caller holds mu.
func (h *Hub) apply(s Status, read bool) {
	x := h.watched[s.User]
	if x == nil || s.Version < x.status.Version || (s.Version == x.status.Version && !read) {
		return
	}
	was := x.status.State
	x.status = s
	if was == s.State {
		return
	}
	for _, w := range x.watchers {
		w.pending[s.User] = struct{}{}
		h.ready[w] = struct{}{}
	}
}

// Resync has everything said and read again: the store, or words of other nodes, may have been lost.
func (h *Hub) Resync() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for session := range h.watchers {
		h.doubted[session] = struct{}{}
	}
	h.stale = true
	h.again(nil)
}

// again has users' states said again: all, or those of a part. The caller holds mu.
func (h *Hub) again(of func(chat.UserID) bool) {
	for user, p := range h.people {
		if of == nil || of(user) {
			if _, waits := h.dirty[user]; !waits {
				p.told, p.due = false, 0
				h.dirty[user] = struct{}{}
			}
		}
	}
}
