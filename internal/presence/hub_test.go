package presence_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/presence"
	"github.com/throng-im/throng/internal/store/local"
)

// Direct implements presence.Rooms: direct conversations are those below 100 of two members.
func (r *rooms) Direct(_ context.Context, a, b chat.UserID) (chat.ConversationID, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for id, m := range r.members {
		if id < 100 && len(m) == 2 && slices.Contains(m, a) && slices.Contains(m, b) {
			return id, nil
		}
	}
	return 0, nil
}

func (r *rooms) Member(_ context.Context, id chat.ConversationID, user chat.UserID) (bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Contains(r.members[id], user), nil
}

func (r *rooms) Page(_ context.Context, id chat.ConversationID, after chat.UserID, limit int) (out []chat.UserID, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, u := range r.members[id] {
		if u > after && len(out) < limit {
			out = append(out, u)
		}
	}
	return out, nil
}

// town is nodes with hubs on one store.
type town struct {
	*rooms

	t      *testing.T
	shared *local.Presence
	hubs   map[string]*presence.Hub
	stops  map[string]func()

	quiet  bool
	sent   int // deliveries between nodes
	stores map[string]*counted
}

// counted counts what is noted.
type counted struct {
	presence.Store

	mu    sync.Mutex
	notes int
}

func (c *counted) Note(ctx context.Context, words []presence.Word) ([]presence.Noted, error) {
	c.mu.Lock()
	c.notes += len(words)
	c.mu.Unlock()
	return c.Store.Note(ctx, words)
}

func inTown(t *testing.T, cfg presence.Config, nodes []string, test func(w *town)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &town{
			t: t, rooms: &rooms{
				heads: map[chat.ConversationID]chat.Head{}, members: map[chat.ConversationID][]chat.UserID{}, hidden: map[chat.UserID][]chat.UserID{},
			},
			shared: local.NewPresence(), hubs: map[string]*presence.Hub{}, stops: map[string]func(){},
			stores: map[string]*counted{},
		}
		for _, n := range nodes {
			w.start(cfg, n)
		}
		test(w)
		for _, stop := range w.stops {
			stop()
		}
	})
}

func (w *town) start(cfg presence.Config, node string) {
	w.stores[node] = &counted{Store: w.shared.Join(node)}
	h := presence.NewHub(cfg, presence.Deps{
		Store: w.stores[node], Self: node, Rooms: w.rooms,
		Tell: func(_ context.Context, to string, list []presence.Status) error {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.sent += len(list)
			if other := w.hubs[to]; other != nil {
				other.Apply(presence.Decode(presence.Append(nil, list)))
			}
			return nil
		},
		Hidden: w.hides,
		Quiet:  func() bool { w.mu.Lock(); defer w.mu.Unlock(); return w.quiet },
	})
	w.mu.Lock()
	w.hubs[node] = h
	w.mu.Unlock()
	ctx, cancel := context.WithCancel(w.t.Context())
	done := make(chan error, 1)
	go func() { done <- h.Run(ctx) }()
	w.stops[node] = func() { cancel(); assert.NoError(w.t, "run", <-done) }
}

// kill has a node gone without a word.
func (w *town) kill(node string) {
	w.stops[node]()
	delete(w.stops, node)
	w.mu.Lock()
	delete(w.hubs, node)
	w.mu.Unlock()
	w.shared.Leave(node)
}

// viewer is a session that watches, and what it was told.
type viewer struct {
	w       *town
	node    string
	session uint64
	user    chat.UserID
	mu      sync.Mutex
	told    []string
	times   int
	busy    bool
}

func (w *town) viewer(node string, session uint64, user chat.UserID) *viewer {
	w.hubs[node].Opened(session, user)
	return &viewer{w: w, node: node, session: session, user: user}
}

func (v *viewer) watch(conversations []chat.ConversationID, people ...presence.Named) []string {
	v.w.t.Helper()
	h := v.w.hubs[v.node]
	seen, err := h.Watch(v.w.t.Context(), presence.Watch{
		Session: v.session, User: v.user, People: people, Conversations: conversations, Changed: func() {
			v.mu.Lock()
			defer v.mu.Unlock()
			v.times++
			if !v.busy {
				v.told = append(v.told, words(h.Take(v.session))...)
			}
		},
	})
	assert.NoError(v.w.t, "watching", err)
	return words(seen.People)
}

func words(list []presence.Status) (out []string) {
	for _, s := range list {
		out = append(out, fmt.Sprintf("%d %s", s.User, [...]string{"offline", "away", "online", "busy"}[s.State]))
	}
	slices.Sort(out)
	return out
}

func (v *viewer) taken() []string {
	synctest.Wait()
	v.mu.Lock()
	defer v.mu.Unlock()
	out := v.told
	v.told = nil
	return out
}

// after lets time pass and checks what the viewer was told in it.
func (v *viewer) after(d time.Duration, what string, want ...string) {
	v.w.t.Helper()
	pass(d)
	assert.Equal(v.w.t, what, v.taken(), want)
}

// PRE-10, PRE-11, PRE-13: one state for all devices, on all nodes; a short absence is none.
func TestOneStateForAllDevices(t *testing.T) {
	t.Parallel()
	inTown(t, presence.Default(), []string{"a", "b"}, func(w *town) {
		w.room(5, chat.TierSmall, 1, 1, 2)
		v := w.viewer("b", 1, 1)
		assert.Equal(t, "at first", v.watch(nil, presence.Named{User: 2}), []string{"2 offline"})
		a, b := w.hubs["a"], w.hubs["b"]
		a.Opened(10, 2)
		v.after(3*time.Second, "the first device", "2 online")
		b.Opened(11, 2)
		b.Set(11, 2, presence.Away)
		v.after(3*time.Second, "a second one that is away")
		b.Set(11, 2, presence.Busy)
		v.after(5*time.Second, "which is busy", "2 busy")
		b.Closed(11, 2)
		v.after(9*time.Second, "and gone", "2 online")
		a.Closed(10, 2)
		v.after(5*time.Second, "the first gone for a moment")
		b.Opened(12, 2)
		v.after(30*time.Second, "and back elsewhere")
		b.Set(12, 2, presence.Offline)
		v.after(time.Second, "suspended")
		v.after(9*time.Second, "for long", "2 offline")
		b.Set(12, 2, presence.Online)
		v.after(4*time.Second, "and back", "2 online")
		b.Lost(12, 2)
		v.after(3*time.Second, "nothing is heard of it", "2 offline")
		b.Set(12, 2, presence.Online)
		b.Closed(12, 2)
		v.after(20*time.Second, "it came and went")
	})
}

// PRE-13: whoever was on a node that is gone is offline within 45 seconds, or online where they came back.
func TestANodeGoes(t *testing.T) {
	t.Parallel()
	inTown(t, presence.Default(), []string{"a", "b"}, func(w *town) {
		w.room(5, chat.TierSmall, 1, 1, 2, 3)
		w.hubs["a"].Opened(10, 2)
		w.hubs["a"].Opened(11, 3)
		v := w.viewer("b", 1, 1)
		pass(time.Second)
		assert.Equal(t, "at first", v.watch([]chat.ConversationID{5}), []string{"2 online", "3 online"})
		w.kill("a")
		w.hubs["b"].Opened(12, 3)
		v.after(20*time.Second, "one is gone, one came back", "2 offline")
		w.start(presence.Default(), "a")
		w.hubs["a"].Opened(20, 2)
		v.after(3*time.Second, "on the node that came back", "2 online")
	})
}

// PRE-14: whoever hides from a watcher is offline to it from then on, and to nobody else.
func TestWhoHidesGoesOffline(t *testing.T) {
	t.Parallel()
	inTown(t, presence.Default(), []string{"a", "b"}, func(w *town) {
		w.room(5, chat.TierSmall, 1, 1, 2, 3)
		w.hubs["b"].Opened(20, 2)
		pass(3 * time.Second)
		v, other := w.viewer("a", 1, 1), w.viewer("a", 3, 3)
		assert.Equal(t, "at first", v.watch(nil, presence.Named{User: 2, Conversation: 5}), []string{"2 online"})
		assert.Equal(t, "another one, too", other.watch(nil, presence.Named{User: 2, Conversation: 5}), []string{"2 online"})
		w.mu.Lock()
		w.hidden[2] = []chat.UserID{1}
		w.mu.Unlock()
		w.hubs["a"].Doubt([]chat.UserID{1, 2, 77})
		v.after(3*time.Second, "hidden", "2 offline")
		w.hubs["b"].Set(20, 2, presence.Busy)
		v.after(5*time.Second, "what changes then")
		assert.Equal(t, "for the other one", other.taken(), []string{"2 busy"})
		assert.Equal(t, "named anew", v.watch(nil, presence.Named{User: 2, Conversation: 5}), []string{"2 offline"})
	})
}

// PRE-14: who shares nothing, has left, or is hidden, is offline, and tells nothing more.
func TestOnlyThoseWhoShareAConversationAreSeen(t *testing.T) {
	t.Parallel()
	inTown(t, presence.Default(), []string{"a"}, func(w *town) {
		h := w.hubs["a"]
		w.room(5, chat.TierSmall, 1, 1, 2)
		w.room(100, chat.TierMedium, 1, 1, 3, 4)
		w.room(101, chat.TierMedium, 1, 5, 6)
		w.hidden[4] = []chat.UserID{1}
		for u := range chat.UserID(6) {
			h.Opened(uint64(u)+100, u+1)
		}
		pass(time.Second)
		v := w.viewer("a", 1, 1)
		got := v.watch([]chat.ConversationID{101}, presence.Named{User: 1}, presence.Named{User: 2}, presence.Named{User: 3},
			presence.Named{User: 3, Conversation: 100}, presence.Named{User: 4, Conversation: 100}, presence.Named{User: 5, Conversation: 101},
			presence.Named{User: 6, Conversation: 100}, presence.Named{User: 99, Conversation: 100}, presence.Named{User: 98})
		assert.Equal(t, "who is seen", got, []string{
			"1 offline", "2 online", "3 online", "4 offline", "5 offline", "6 offline", "98 offline", "99 offline",
		})
		for u := range chat.UserID(6) {
			h.Set(uint64(u)+100, u+1, presence.Busy)
		}
		v.after(3*time.Second, "changes", "2 busy", "3 busy")
		h.Left(100, []chat.UserID{3})
		for u := range chat.UserID(6) {
			h.Set(uint64(u)+100, u+1, presence.Away)
		}
		v.after(3*time.Second, "after one has left", "2 away")
		h.Left(5, []chat.UserID{1})
		h.Set(101, 2, presence.Busy)
		v.after(3*time.Second, "after the watcher has left")

		// What passed by is found when everything is looked at again.
		v.watch(nil, presence.Named{User: 2}, presence.Named{User: 3, Conversation: 100})
		w.room(100, chat.TierMedium, 2, 1, 4)
		h.Resync()
		pass(time.Second)
		h.Set(101, 2, presence.Online)
		h.Set(102, 3, presence.Online)
		v.after(3*time.Second, "after a loss", "2 online")
		_, err := h.Watch(t.Context(), presence.Watch{Session: 1, User: 1, People: make([]presence.Named, presence.MaxWatched+1)})
		assert.True(t, "too many", err != nil && chat.AsError(err).Code == chat.CodeTooLarge)
		h.Closed(1, 1)
		h.Set(101, 2, presence.Away)
		v.after(3*time.Second, "after its end")
		_, err = h.Watch(t.Context(), presence.Watch{Session: 1, User: 1})
		assert.True(t, "a session that has ended", err != nil)
	})
}

// PRE-15, PRE-16: a storm of reconnections is no change, flapping falls together, and a receiver that is slow is told how it is then.
func TestStormsAreNotPassedOn(t *testing.T) {
	t.Parallel()
	inTown(t, presence.Default(), []string{"a", "b", "c"}, func(w *town) {
		const people = 2_000
		members := []chat.UserID{}
		for u := range chat.UserID(people) {
			members = append(members, u+1)
			w.hubs["a"].Opened(uint64(u)+1, u+1)
		}
		w.room(5, chat.TierSmall, 1, members...)
		pass(2 * time.Second)
		v := w.viewer("c", 1<<40, people+1)
		w.room(6, chat.TierSmall, 1, people+1, 7)
		assert.Equal(t, "seen", v.watch(nil, presence.Named{User: 7}), []string{"7 online"})
		for u := range chat.UserID(people) {
			w.hubs["a"].Closed(uint64(u)+1, u+1)
		}
		pass(3 * time.Second)
		for u := range chat.UserID(people) {
			w.hubs["b"].Opened(uint64(u)+1, u+1)
		}
		v.after(20*time.Second, "everybody moved to another node")

		times := v.times
		for n := range 200 { // 20 seconds
			w.hubs["b"].Set(7, 7, presence.State(1+n%3))
			pass(100 * time.Millisecond)
		}
		pass(3 * time.Second)
		v.taken()
		assert.True(t, fmt.Sprint(v.times-times, " words in 20 s"), v.times-times <= 12)

		v.mu.Lock()
		v.busy = true
		v.mu.Unlock()
		for _, s := range []presence.State{presence.Away, presence.Busy, presence.Away} {
			w.hubs["b"].Set(7, 7, s)
			pass(3 * time.Second)
		}
		v.after(time.Second, "a slow one")
		v.mu.Lock()
		v.busy = false
		v.mu.Unlock()
		v.after(2*time.Second, "which takes again", "7 away")

		w.mu.Lock()
		w.quiet = true
		w.mu.Unlock()
		w.hubs["b"].Set(7, 7, presence.Busy)
		v.after(10*time.Second, "while the node has too much to do")
		w.mu.Lock()
		w.quiet = false
		w.mu.Unlock()
		v.after(2*time.Second, "and then", "7 busy")
	})
}

// PRE-15: what a node says is bounded, whatever happens at once.
func TestChangesOfANodeAreBounded(t *testing.T) {
	t.Parallel()
	cfg := presence.Default()
	cfg.Rate = 400
	inTown(t, cfg, []string{"a"}, func(w *town) {
		for u := range chat.UserID(2_000) {
			w.hubs["a"].Opened(uint64(u)+1, u+1)
		}
		pass(1100 * time.Millisecond)
		s := w.stores["a"]
		s.mu.Lock()
		assert.True(t, fmt.Sprint(s.notes, " in a second"), s.notes <= 500)
		s.mu.Unlock()
		pass(6 * time.Second)
		list, err := s.Read(t.Context(), []chat.UserID{1, 1_000, 2_000})
		assert.NoError(t, "reading", err)
		assert.Equal(t, "all in the end", words(list), []string{"1 online", "1000 online", "2000 online"})
	})
}

// PRE-17: names of a large conversation come on request, in pages.
func TestListOnline(t *testing.T) {
	t.Parallel()
	inTown(t, presence.Default(), []string{"a"}, func(w *town) {
		h := w.hubs["a"]
		var members []chat.UserID
		for u := range chat.UserID(2_500) {
			members = append(members, u+1)
		}
		w.room(100, chat.TierLarge, 1, members...)
		w.hidden[1_500] = []chat.UserID{1}
		for _, u := range []chat.UserID{3, 4, 1_500, 1_501, 2_400} {
			h.Opened(uint64(u), u)
		}
		pass(time.Second)
		assert.NoError(t, "report", w.stores["a"].Report(t.Context(), []presence.Count{{Conversation: 100, Online: 5}}))
		var got []string
		after, pages := chat.UserID(0), 0
		for {
			page, err := h.ListOnline(t.Context(), 1, 100, after, 1)
			assert.NoError(t, "page", err)
			assert.Equal(t, "online", page.Online, 5)
			got = append(got, words(page.People)...)
			if after = page.Next; after == 0 {
				break
			}
			pages++
		}
		assert.Equal(t, "who is there", got, []string{"3 online", "4 online", "1501 online", "2400 online"})
		assert.True(t, "pages", pages < 10)
		_, err := h.ListOnline(t.Context(), 9_999, 100, 0, 0)
		assert.True(t, "a stranger", chat.AsError(err).Reason == chat.ReasonConversationNotFound)
	})
}

// What another version says is passed over, and what is cut off read as far as it goes.
func TestWords(t *testing.T) {
	t.Parallel()
	list := []presence.Status{{User: 7, State: presence.Busy, Version: 1 << 60}, {User: chat.MaxID, State: presence.Offline, Version: 3}}
	b := presence.Append(nil, list)
	assert.Equal(t, "as it went", presence.Decode(b), list)
	for n := range len(b) {
		assert.True(t, "cut off", len(presence.Decode(b[:n])) < 2)
	}
	b[0]++
	assert.Equal(t, "another version", len(presence.Decode(b)), 0)
}

func FuzzDecode(f *testing.F) {
	f.Add(presence.Append(nil, []presence.Status{{User: 7, State: presence.Busy, Version: 1 << 60}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		list := presence.Decode(b)
		again := presence.Decode(presence.Append(nil, list))
		if !slices.Equal(list, again) {
			t.Errorf("%v, and again %v", list, again)
		}
	})
}
