package presence

import (
	"context"
	"slices"
	"time"

	"github.com/throng-im/throng/internal/chat"
)

// rotas is into how many parts everything is divided that is said again, each at a time of its own.
const rotas = 64

// Run sees to what is due until ctx ends.
func (h *Hub) Run(ctx context.Context) error {
	t := time.NewTicker(pace)
	defer t.Stop()
	turn := 0
	for next := h.now(); ; {
		select {
		case <-t.C:
		case <-ctx.Done():
			return nil
		}
		h.say(ctx)
		h.tell()
		h.doubt(ctx)
		h.look(ctx)
		h.count(ctx)
		for now := h.now(); now >= next; next += h.cfg.Report / rotas {
			h.mu.Lock()
			h.again(func(u chat.UserID) bool { return int(u%rotas) == turn })
			h.mu.Unlock()
			h.refresh(ctx, func(u chat.UserID) bool { return int(u%rotas) == turn })
			turn = (turn + 1) % rotas
		}
	}
}

// say notes what is due of this node's users, as many as the rate allows, and tells the nodes that watch them.
func (h *Hub) say(ctx context.Context) {
	words := h.due(max(1, int(float64(h.cfg.Rate)*pace.Seconds())))
	for some := range slices.Chunk(words, batch) {
		noted, err := h.deps.Store.Note(ctx, some)
		if err != nil {
			h.failed(err)
			h.back(some)
			continue
		}
		h.metrics.noted.Add(float64(len(noted)))
		far := make(map[string][]Status)
		h.mu.Lock()
		for i := range noted {
			for _, node := range noted[i].Watchers {
				if node == h.deps.Self {
					h.apply(noted[i].Status, false)
				} else {
					far[node] = append(far[node], noted[i].Status)
				}
			}
		}
		h.mu.Unlock()
		for node, list := range far {
			h.metrics.sent.Add(float64(len(list)))
			if err := h.deps.Tell(ctx, node, list); err != nil {
				h.failed(err)
			}
		}
	}
	h.forget(ctx)
}

// due takes the words whose turn has come.
func (h *Hub) due(most int) (words []Word) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := h.now()
	for user := range h.dirty {
		p := h.people[user]
		if p.due > now {
			continue
		}
		state := p.state()
		delete(h.dirty, user)
		if !p.told || state != p.noted {
			words = append(words, Word{user, state})
		}
		p.noted, p.told, p.at = state, true, now
		if len(p.seats) == 0 {
			delete(h.people, user)
		}
		if len(words) >= most {
			break
		}
	}
	return words
}

// back has words said again that were not taken.
func (h *Hub) back(words []Word) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, w := range words {
		p := h.people[w.User]
		if p == nil {
			p = &person{}
			h.people[w.User] = p
		}
		p.told, p.due = false, h.now()+changeEvery
		h.dirty[w.User] = struct{}{}
	}
}

// forget tells the store whom nobody watches here any more.
func (h *Hub) forget(ctx context.Context) {
	h.mu.Lock()
	users := make([]chat.UserID, 0, len(h.unwatch))
	for u := range h.unwatch {
		if h.watched[u] == nil {
			users = append(users, u)
		}
	}
	clear(h.unwatch)
	h.mu.Unlock()
	for some := range slices.Chunk(users, batch) {
		if err := h.deps.Store.Unwatch(ctx, some); err != nil {
			h.failed(err) // it expires
		}
	}
}

// tell has watchers take what has changed, each at most once in [tellEvery], and as many of them as the rate allows.
func (h *Hub) tell() {
	if h.deps.Quiet != nil && h.deps.Quiet() {
		return // it waits, and what falls together meanwhile is told as it is then
	}
	h.mu.Lock()
	now, most := h.now(), max(1, int(float64(h.cfg.TellRate)*pace.Seconds()))
	var wake []func()
	for w := range h.ready {
		if w.next > now {
			continue
		}
		w.next = now + tellEvery
		if wake = append(wake, w.changed); len(wake) >= most {
			break
		}
	}
	h.mu.Unlock()
	for _, f := range wake {
		f()
	}
}

// look watches and reads everybody again who is watched: at once where the store may have lost it, and a while after a node has gone, since
// those who were on it may be nowhere by now.
func (h *Hub) look(ctx context.Context) {
	nodes := h.deps.Store.Nodes()
	for _, n := range h.nodes {
		if !slices.Contains(nodes, n) {
			h.reread = h.now() + h.cfg.Linger
		}
	}
	h.nodes = nodes
	h.mu.Lock()
	stale := h.stale
	h.stale = false
	h.mu.Unlock()
	if gone := h.reread != 0 && h.now() >= h.reread; gone || stale {
		if gone {
			h.reread = 0
		}
		h.refresh(ctx, nil)
	}
}

// refresh watches again, and reads, all who are watched, or those of a part.
func (h *Hub) refresh(ctx context.Context, of func(chat.UserID) bool) {
	h.mu.Lock()
	users := make([]chat.UserID, 0, 64)
	for u := range h.watched {
		if of == nil || of(u) {
			users = append(users, u)
		}
	}
	h.mu.Unlock()
	for some := range slices.Chunk(users, batch) {
		list, err := h.deps.Store.Watch(ctx, some)
		if err != nil {
			h.failed(err)
			return // the next turn tries again
		}
		h.mu.Lock()
		for _, s := range list {
			h.apply(s, true)
		}
		h.mu.Unlock()
	}
}

// countEvery is how often a node reports how many sessions it has in conversations.
const countEvery = 10 * time.Second

// count reports the conversations whose figures have changed; all of them now and then, in case that they were lost.
func (h *Hub) count(ctx context.Context) {
	now := h.now()
	if h.deps.Audiences == nil || now < h.reported {
		return
	}
	h.reported = now + countEvery
	fresh := make(map[chat.ConversationID]uint32, len(h.counted))
	var counts []Count
	whole := int64(now/countEvery)%max(1, int64(h.cfg.Report/countEvery)) == 0
	h.deps.Audiences(func(id chat.ConversationID, sessions int) {
		fresh[id] = uint32(sessions)
		if whole || h.counted[id] != uint32(sessions) {
			counts = append(counts, Count{id, uint32(sessions)})
		}
	})
	for id := range h.counted {
		if _, is := fresh[id]; !is {
			counts = append(counts, Count{id, 0})
		}
	}
	h.counted = fresh
	for some := range slices.Chunk(counts, batch) {
		if err := h.deps.Store.Report(ctx, some); err != nil {
			h.failed(err)
			h.counted = make(map[chat.ConversationID]uint32)
			return
		}
	}
}

func (h *Hub) failed(err error) {
	h.metrics.failures.Inc()
	h.log.Debug("presence was not said, or not heard; it will be", "error", err)
}
