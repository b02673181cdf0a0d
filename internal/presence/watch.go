package presence

import (
	"context"
	"slices"
	"time"

	"github.com/throng-im/throng/internal/chat"
)

const (
	// MaxWatched is how many people a session may name.
	MaxWatched = 200
	// maxSubjects bounds whom a session watches, members of the conversations that it names included.
	maxSubjects = 1_000
)

// Rooms know who shares a conversation with whom.
type Rooms interface {
	Standings

	// Direct returns the direct conversation of two users; 0 where there is none.
	Direct(ctx context.Context, a, b chat.UserID) (chat.ConversationID, error)
	// Member reports whether a user is a member of a conversation.
	Member(ctx context.Context, id chat.ConversationID, user chat.UserID) (bool, error)
	// Page returns at most limit members of a conversation above after, by rising id.
	Page(ctx context.Context, id chat.ConversationID, after chat.UserID, limit int) ([]chat.UserID, error)
}

// Named is somebody to watch, and the conversation that the watcher shares with them; 0 is the direct one.
type Named struct {
	User         chat.UserID
	Conversation chat.ConversationID
}

// Watch is what a session watches, in place of what it watched before.
type Watch struct {
	Session       uint64
	User          chat.UserID
	People        []Named
	Conversations []chat.ConversationID
	// Changed is called when there is something to take; it must not block.
	Changed func()
}

// Seen answers a watch. Who may not be watched is offline, as is who does not exist.
type Seen struct {
	People []Status
	// Counts are of the conversations above the small tier.
	Counts []Count
}

// watcher is a session that watches. Guarded by the hub's mu.
type watcher struct {
	session uint64
	user    chat.UserID
	request Watch
	via     map[chat.UserID]chat.ConversationID // whom it watches, and what they share
	pending map[chat.UserID]struct{}            // of these, whose change was not taken yet
	lost    map[chat.UserID]struct{}            // who is hidden from it since, which it has not taken yet
	changed func()
	next    time.Duration // when it may be told next
}

// Watch has a session watch people and conversations. It blocks for the directory and the store, and is called for a session once at a time.
func (h *Hub) Watch(ctx context.Context, q Watch) (Seen, error) {
	if len(q.People) > MaxWatched || len(q.Conversations) > chat.MaxFocus {
		return Seen{}, chat.Errorf(chat.CodeTooLarge, chat.ReasonTooManyConversations,
			"at most %d people and %d conversations are watched at once", MaxWatched, chat.MaxFocus)
	}
	h.mu.Lock()
	partings := h.partings
	h.mu.Unlock()
	via, _, counts, err := h.resolve(ctx, &q)
	if err != nil {
		return Seen{}, err
	}
	h.mu.Lock()
	if partings != h.partings { // perhaps one of these, after it was looked up
		h.doubted[q.Session] = struct{}{}
	}
	p := h.people[q.User]
	if p == nil || !p.has(q.Session) { // it has ended meanwhile
		h.mu.Unlock()
		return Seen{}, chat.Errorf(chat.CodeCanceled, chat.ReasonCanceled, "the session has ended")
	}
	w := h.watchers[q.Session]
	if w == nil {
		w = &watcher{session: q.Session, user: q.User, pending: make(map[chat.UserID]struct{}), lost: make(map[chat.UserID]struct{})}
		h.watchers[q.Session] = w
	}
	w.request, w.changed = q, q.Changed
	clear(w.lost)
	h.see(w, via)
	if len(via) == 0 {
		delete(h.watchers, q.Session)
	}
	h.mu.Unlock()

	users := make([]chat.UserID, 0, len(via))
	for u := range via {
		users = append(users, u)
	}
	known := make(map[chat.UserID]Status, len(users))
	if len(users) > 0 {
		list, err := h.deps.Store.Watch(ctx, users)
		if err != nil {
			return Seen{}, err //nolint:wrapcheck // a port answers in our own errors
		}
		h.mu.Lock()
		for _, s := range list {
			h.apply(s, true)
			delete(w.pending, s.User) // the answer says it
			known[s.User] = s
		}
		h.mu.Unlock()
	}
	out := Seen{People: make([]Status, 0, len(users)), Counts: counts}
	for _, n := range q.People {
		if _, seen := known[n.User]; !seen {
			known[n.User] = Status{User: n.User}
		}
	}
	for _, s := range known {
		out.People = append(out.People, s)
	}
	return out, nil
}

func (p *person) has(session uint64) bool {
	for _, x := range p.seats {
		if x.session == session {
			return true
		}
	}
	return false
}

// resolve says who of those named may be watched, through which conversation, and who hides.
func (h *Hub) resolve(ctx context.Context, q *Watch) (via map[chat.UserID]chat.ConversationID, hidden []chat.UserID, counts []Count, err error) {
	via = make(map[chat.UserID]chat.ConversationID, len(q.People))
	inside := make(map[chat.ConversationID]bool)
	for _, n := range q.People {
		id, err := h.shared(ctx, q.User, n, inside)
		if err != nil {
			return nil, nil, nil, err
		}
		if id != 0 {
			via[n.User] = id
		}
	}
	var large []chat.ConversationID
	for _, id := range q.Conversations {
		head, member, err := h.deps.Rooms.Standing(ctx, q.User, id)
		switch {
		case err != nil:
			return nil, nil, nil, err //nolint:wrapcheck // a port answers in our own errors
		case !member:
		case head.Tier > chat.TierSmall:
			large = append(large, id)
		default:
			members, err := h.deps.Rooms.Members(ctx, id)
			if err != nil {
				return nil, nil, nil, err //nolint:wrapcheck // as above
			}
			for _, u := range members {
				if _, had := via[u]; !had && u != q.User && len(via) < maxSubjects {
					via[u] = id
				}
			}
		}
	}
	if hidden, err = h.hide(ctx, q.User, via); err != nil {
		return nil, nil, nil, err
	}
	counts, err = h.counts(ctx, large)
	return via, hidden, counts, err
}

// shared returns the conversation that a watcher shares with somebody; 0 where there is none.
func (h *Hub) shared(ctx context.Context, watcher chat.UserID, n Named, inside map[chat.ConversationID]bool) (chat.ConversationID, error) {
	if n.User == watcher {
		return 0, nil
	}
	if n.Conversation == 0 {
		id, err := h.deps.Rooms.Direct(ctx, watcher, n.User)
		return id, err //nolint:wrapcheck // a port answers in our own errors
	}
	in, asked := inside[n.Conversation]
	if !asked {
		var err error
		if in, err = h.deps.Rooms.Member(ctx, n.Conversation, watcher); err != nil {
			return 0, err //nolint:wrapcheck // as above
		}
		inside[n.Conversation] = in
	}
	if !in {
		return 0, nil
	}
	other, err := h.deps.Rooms.Member(ctx, n.Conversation, n.User)
	if err != nil || !other {
		return 0, err //nolint:wrapcheck // as above
	}
	return n.Conversation, nil
}

// hide takes those out whom a watcher must not see, and returns them.
func (h *Hub) hide(ctx context.Context, watcher chat.UserID, via map[chat.UserID]chat.ConversationID) ([]chat.UserID, error) {
	if h.deps.Hidden == nil || len(via) == 0 {
		return nil, nil
	}
	users := make([]chat.UserID, 0, len(via))
	for u := range via {
		users = append(users, u)
	}
	hidden, err := h.deps.Hidden(ctx, watcher, users)
	for _, u := range hidden {
		delete(via, u)
	}
	return hidden, err
}

func (h *Hub) counts(ctx context.Context, ids []chat.ConversationID) ([]Count, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	sums, err := h.deps.Store.Counts(ctx, ids)
	if err != nil {
		return nil, err //nolint:wrapcheck // a port answers in our own errors
	}
	out := make([]Count, len(ids))
	for i, id := range ids {
		out[i] = Count{id, uint32(min(sums[i], 1<<32-1))}
	}
	return out, nil
}

// see puts in force whom a watcher watches. The caller holds mu.
func (h *Hub) see(w *watcher, via map[chat.UserID]chat.ConversationID) {
	for u := range w.via {
		if _, still := via[u]; !still {
			h.blind(w, u)
		}
	}
	for u := range via {
		if _, had := w.via[u]; had {
			continue
		}
		x := h.watched[u]
		if x == nil {
			x = &subject{status: Status{User: u}}
			h.watched[u] = x
		}
		x.watchers = append(x.watchers, w)
	}
	w.via = via
	if len(via) == 0 {
		delete(h.ready, w)
	}
}

// blind ends that a watcher watches somebody; the watcher's own list is the caller's. The caller holds mu.
func (h *Hub) blind(w *watcher, u chat.UserID) {
	delete(w.pending, u)
	x := h.watched[u]
	if x == nil {
		return
	}
	for i := range x.watchers {
		if x.watchers[i] == w {
			last := len(x.watchers) - 1
			x.watchers[i] = x.watchers[last]
			x.watchers[last] = nil
			x.watchers = x.watchers[:last]
			break
		}
	}
	if len(x.watchers) == 0 {
		delete(h.watched, u)
		h.unwatch[u] = struct{}{}
	}
}

// Take returns what has changed since the session took it last, as it is now. It never blocks.
func (h *Hub) Take(session uint64) []Status {
	h.mu.Lock()
	defer h.mu.Unlock()
	w := h.watchers[session]
	if w == nil {
		return nil
	}
	out := make([]Status, 0, len(w.pending))
	for u := range w.pending {
		if x := h.watched[u]; x != nil {
			out = append(out, x.status)
		}
	}
	for u := range w.lost {
		out = append(out, Status{User: u})
	}
	clear(w.pending)
	clear(w.lost)
	delete(h.ready, w)
	h.metrics.told.Add(float64(len(out)))
	return out
}

// Left ends what was watched through a conversation by those who have left it, and who of them was. It never blocks.
func (h *Hub) Left(id chat.ConversationID, users []chat.UserID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.partings++
	for _, u := range users {
		if x := h.watched[u]; x != nil {
			for i := len(x.watchers) - 1; i >= 0; i-- { // who goes leaves by a swap with the last
				if w := x.watchers[i]; w.via[u] == id {
					delete(w.via, u)
					h.blind(w, u)
				}
			}
		}
		p := h.people[u]
		if p == nil {
			continue
		}
		for _, s := range p.seats {
			w := h.watchers[s.session]
			if w == nil {
				continue
			}
			for other, through := range w.via {
				if through == id {
					delete(w.via, other)
					h.blind(w, other)
				}
			}
		}
	}
}

// Doubt has the watches of users' sessions looked at again: somebody may be hidden from them now. It never blocks.
func (h *Hub) Doubt(users []chat.UserID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.partings++ // also of a watch that is being looked up
	for _, u := range users {
		p := h.people[u]
		if p == nil {
			continue
		}
		for _, s := range p.seats {
			if h.watchers[s.session] != nil {
				h.doubted[s.session] = struct{}{}
			}
		}
	}
}

func anyOf(set map[uint64]struct{}) (one uint64, ok bool) {
	for one = range set {
		return one, true
	}
	return 0, false
}

// doubtsAtOnce is how many sessions' watches are looked at again in a [pace].
const doubtsAtOnce = 50

// doubt looks again whether sessions may watch whom they watch: they may have missed that somebody left, or hides from them. Who hides is
// offline to them.
func (h *Hub) doubt(ctx context.Context) {
	for range doubtsAtOnce {
		h.mu.Lock()
		session, ok := anyOf(h.doubted)
		if !ok {
			h.mu.Unlock()
			return
		}
		delete(h.doubted, session)
		w := h.watchers[session]
		var q Watch
		if w != nil {
			q = w.request
		}
		h.mu.Unlock()
		if w == nil {
			continue
		}
		via, hidden, _, err := h.resolve(ctx, &q)
		h.mu.Lock()
		if err != nil {
			h.doubted[session] = struct{}{}
			h.mu.Unlock()
			h.failed(err)
			return
		}
		for u := range w.via { // it only gets less: the session's own request may be newer
			if _, may := via[u]; !may {
				delete(w.via, u)
				h.blind(w, u)
				if slices.Contains(hidden, u) {
					w.lost[u] = struct{}{}
					h.ready[w] = struct{}{}
				}
			}
		}
		h.mu.Unlock()
	}
}
