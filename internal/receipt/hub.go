package receipt

import (
	"cmp"
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/lru"
)

const (
	// mostPending is how many members' positions, in conversations, wait to be told and stored at one time; what does not fit is dropped: a
	// later position says it too, and whoever asks reads what is stored.
	mostPending = 1 << 16
	// mostKnown is how many members' last stored positions of what their devices have are remembered, so that several devices of one user
	// store it once.
	mostKnown = 1 << 16
	// tellers is how many conversations are told at one time, each within patience; drafts of a round share a patience too.
	tellers, patience = 4, 2 * time.Second
	// mostGot is how many positions are appended at one time.
	mostGot = 512
)

// Told is what members of a conversation are told of each other.
type Told struct {
	Conversation chat.ConversationID
	// Users are who is told, those of their sessions that have the conversation in view. Nobody in Receipts has blocked one of them.
	Users    []chat.UserID
	Receipts []chat.Receipt
}

// Heads knows the ends of conversations; the zero Head where there is none.
type Heads interface {
	Head(ctx context.Context, id chat.ConversationID) (chat.Head, error)
}

// Members says who is in a conversation now.
type Members interface {
	Members(ctx context.Context, id chat.ConversationID) ([]chat.UserID, error)
}

// Deps are what the hub needs from others.
type Deps struct {
	Heads   Heads
	Members Members
	Privacy Privacy
	// Submit hands a draft to the log; done is called once, and must not block.
	Submit func(d *chat.Draft, done func(chat.Result))
	// Tell takes what members are told to the nodes of their sessions.
	Tell func(ctx context.Context, t Told) error
	// Quiet says that nobody is to be told for now; nil is never.
	Quiet   func() bool
	Metrics prometheus.Registerer // may be nil
	Logger  *slog.Logger
}

// Hub takes new positions of members, keeps the newest of each, stores what is not stored yet, and tells those who have the conversation in
// view. It is bounded in everything, and drops what is beyond. Moved and Got may be called from any goroutine and do not block.
type Hub struct {
	// immutable after construction
	cfg     Config
	deps    Deps
	log     *slog.Logger
	metrics *metrics
	known   *lru.Shared[member, chat.Seq] // what was stored of what devices have

	// guarded by mu
	mu      sync.Mutex
	pending map[chat.ConversationID]map[chat.UserID]waiting
	count   int
}

// member is a user in a conversation.
type member struct {
	conversation chat.ConversationID
	user         chat.UserID
}

// waiting is a member's news.
type waiting struct {
	chat.Receipt

	got chat.Seq // to be stored first; 0: nothing is
}

// NewHub makes it, of a valid configuration.
func NewHub(cfg Config, deps Deps) *Hub {
	h := &Hub{
		cfg: cfg, deps: deps, log: deps.Logger, known: lru.NewShared[member, chat.Seq](mostKnown),
		pending: make(map[chat.ConversationID]map[chat.UserID]waiting),
	}
	if h.log == nil {
		h.log = slog.New(slog.DiscardHandler)
	}
	h.metrics = newMetrics(deps.Metrics, h)
	return h
}

// Moved takes a read position that was stored.
func (h *Hub) Moved(user chat.UserID, id chat.ConversationID, read chat.Seq) {
	h.add(id, waiting{Receipt: chat.Receipt{User: user, Read: read, Got: read}})
}

// Got takes that a device of the user's has what is up to seq.
func (h *Hub) Got(user chat.UserID, id chat.ConversationID, seq chat.Seq) {
	if seq == 0 || h.cfg.GotRate == 0 {
		return
	}
	if at, ok := h.known.Get(member{id, user}); ok && at >= seq {
		return
	}
	h.add(id, waiting{Receipt: chat.Receipt{User: user}, got: seq})
}

// add keeps the newest news of each member.
func (h *Hub) add(id chat.ConversationID, w waiting) {
	if h.cfg.NamedMembers == 0 || w.User == 0 || id == 0 {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	room := h.pending[id]
	was, ok := room[w.User]
	if !ok && h.count >= mostPending {
		h.metrics.dropped.WithLabelValues(dropWaiting).Inc()
		return
	}
	if room == nil {
		room = make(map[chat.UserID]waiting, 1)
		h.pending[id] = room
	}
	if !ok {
		h.count++
	}
	raise(&was.Receipt, w.Receipt)
	was.got = max(was.got, w.got)
	room[w.User] = was
}

// Run stores and tells until ctx ends. What waits then is dropped: reading is stored already, and devices say again what they have.
func (h *Hub) Run(ctx context.Context) error {
	tick := time.NewTicker(h.cfg.Every)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			h.round(ctx)
		case <-ctx.Done():
			return nil
		}
	}
}

// round deals with everything that waits.
func (h *Hub) round(ctx context.Context) {
	h.mu.Lock()
	all := h.pending
	h.pending, h.count = make(map[chat.ConversationID]map[chat.UserID]waiting), 0
	h.mu.Unlock()
	if len(all) == 0 {
		return
	}
	h.store(ctx, all)
	if h.deps.Quiet != nil && h.deps.Quiet() {
		h.metrics.dropped.WithLabelValues(dropPressure).Add(float64(len(all)))
		return
	}
	rooms := make(chan chat.ConversationID, len(all))
	for id := range all {
		rooms <- id
	}
	close(rooms)
	var group sync.WaitGroup
	for range min(tellers, len(all)) {
		group.Go(func() {
			for id := range rooms {
				h.tell(ctx, id, all[id])
			}
		})
	}
	group.Wait()
}

// store appends what devices have got, as much as a round may, and takes what became of it into the receipts. The rest waits for the next
// round.
func (h *Hub) store(ctx context.Context, all map[chat.ConversationID]map[chat.UserID]waiting) {
	budget := max(1, int(float64(h.cfg.GotRate)*h.cfg.Every.Seconds()))
	until := time.Now().Add(patience)
	var wait sync.WaitGroup
	var mu sync.Mutex // guards the rooms while drafts are under way
	slots := make(chan struct{}, mostGot)
	for id, room := range all {
		if !h.named(ctx, id) {
			delete(all, id)
			continue
		}
		for _, u := range slices.Collect(maps.Keys(room)) {
			mu.Lock()
			w := room[u]
			mu.Unlock()
			switch {
			case w.got <= w.Read:
				continue // it was read, which says more
			case budget == 0 || time.Now().After(until):
				h.add(id, waiting{Receipt: chat.Receipt{User: u}, got: w.got})
				continue
			}
			budget--
			slots <- struct{}{}
			wait.Add(1)
			h.deps.Submit(&chat.Draft{Conversation: id, Sender: u, Got: w.got}, func(r chat.Result) {
				mu.Lock()
				defer mu.Unlock()
				w := room[u]
				if r.Err == nil {
					h.known.Put(member{id, u}, r.Seq)
					if !r.Repeat {
						h.metrics.stored.Inc()
						w.Got = max(w.Got, r.Seq)
					}
				}
				room[u] = w
				<-slots
				wait.Done()
			})
		}
	}
	wait.Wait()
}

// named reports whether a conversation is one whose receipts have names.
func (h *Hub) named(ctx context.Context, id chat.ConversationID) bool {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	head, err := h.deps.Heads.Head(ctx, id)
	return err == nil && head.Exists() && !head.Dissolved && int(head.Members) <= h.cfg.NamedMembers
}

// tell tells the members of a conversation what is new of each other: everybody the same, but for those who are blocked, and those who send
// no read receipts and so see none.
func (h *Hub) tell(ctx context.Context, id chat.ConversationID, room map[chat.UserID]waiting) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	list := make([]chat.Receipt, 0, len(room))
	for _, w := range room {
		if w.Read != 0 || w.Got != 0 {
			list = append(list, w.Receipt)
		}
	}
	if len(list) == 0 {
		return
	}
	slices.SortFunc(list, func(a, b chat.Receipt) int { return cmp.Compare(a.User, b.User) })
	if err := h.share(ctx, id, list); err != nil {
		h.metrics.dropped.WithLabelValues(dropFailed).Inc()
		if ctx.Err() == nil {
			h.log.Debug("receipts were not told", "conversation", uint64(id), "error", err)
		}
	}
}

func (h *Hub) share(ctx context.Context, id chat.ConversationID, list []chat.Receipt) error {
	members, err := h.deps.Members.Members(ctx, id)
	if err != nil || len(members) < 2 {
		return err //nolint:wrapcheck // it is logged and counted
	}
	private, err := h.deps.Privacy.Private(ctx, members)
	if err != nil {
		return err //nolint:wrapcheck // as above
	}
	hides := func(u chat.UserID) bool { return slices.Contains(private, u) }
	for i := range list {
		if hides(list[i].User) {
			list[i].Read = 0
		}
	}
	open := slices.DeleteFunc(slices.Clone(members), hides) // they see who has read
	common := make([]chat.Receipt, 0, len(list))
	for _, r := range list {
		blocked, err := h.deps.Privacy.Blocked(ctx, r.User, members)
		if err != nil {
			return err //nolint:wrapcheck // as above
		}
		if len(blocked) == 0 {
			common = append(common, r)
			continue
		}
		not := func(u chat.UserID) bool { return slices.Contains(blocked, u) }
		one := []chat.Receipt{r}
		err = h.both(ctx, id, one, slices.DeleteFunc(slices.Clone(open), not), slices.DeleteFunc(slices.Clone(private), not))
		if err != nil {
			return err
		}
	}
	return h.both(ctx, id, common, open, private)
}

// both tells receipts to those who see who has read, and to those who do not.
func (h *Hub) both(ctx context.Context, id chat.ConversationID, list []chat.Receipt, open, private []chat.UserID) error {
	if err := h.to(ctx, id, list, open); err != nil {
		return err
	}
	got := make([]chat.Receipt, len(list))
	for i, r := range list {
		got[i] = chat.Receipt{User: r.User, Got: r.Got}
	}
	return h.to(ctx, id, got, private)
}

// to tells users. Of themselves they know.
func (h *Hub) to(ctx context.Context, id chat.ConversationID, list []chat.Receipt, users []chat.UserID) error {
	if len(list) == 1 {
		users = slices.DeleteFunc(slices.Clone(users), func(u chat.UserID) bool { return u == list[0].User })
	}
	if len(list) == 0 || len(users) == 0 {
		return nil
	}
	h.metrics.told.Add(float64(len(list)))
	return h.deps.Tell(ctx, Told{Conversation: id, Users: users, Receipts: list})
}
