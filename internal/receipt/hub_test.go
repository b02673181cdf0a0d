package receipt_test

import (
	"context"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/receipt"
)

// house is a conversation with members, and what is told of them.
type house struct {
	cfg     receipt.Config
	head    chat.Head
	members map[chat.UserID]*receipt.Position
	private map[chat.UserID]bool
	blocks  map[[2]chat.UserID]bool // the first has blocked the second
	quiet   bool
	refuse  error // of a tell

	mu     sync.Mutex
	drafts int
	told   map[chat.UserID][]chat.Receipt // by who is told
	rounds int
}

func newHouse(n int) *house {
	h := &house{
		cfg: receipt.Default(), head: chat.Head{Conversation: room, Seq: 100, Members: uint32(n)}, members: map[chat.UserID]*receipt.Position{},
		private: map[chat.UserID]bool{}, blocks: map[[2]chat.UserID]bool{}, told: map[chat.UserID][]chat.Receipt{},
	}
	for u := chat.UserID(1); u <= chat.UserID(n); u++ {
		h.members[u] = &receipt.Position{Member: chat.Member{User: u, Spans: []chat.Span{{From: 1}}}, Read: 1}
	}
	return h
}

const room = chat.ConversationID(7)

func (h *house) Head(_ context.Context, id chat.ConversationID) (chat.Head, error) {
	if id != room {
		return chat.Head{}, nil
	}
	return h.head, nil
}

func (h *house) Standing(_ context.Context, user chat.UserID, id chat.ConversationID) (chat.Head, bool, error) {
	_, in := h.members[user]
	return h.head, in && id == room, nil
}

func (h *house) Entry(_ context.Context, user chat.UserID, _ chat.ConversationID, seq chat.Seq) (chat.Entry, error) {
	if m := h.members[user]; seq > h.head.Seq || !m.Sees(seq) {
		return chat.Entry{}, chat.Errorf(chat.CodeNotFound, chat.ReasonMessageNotFound, "none")
	}
	return chat.Entry{Seq: seq, Sender: 1}, nil
}

func (h *house) Members(context.Context, chat.ConversationID) ([]chat.UserID, error) {
	return slices.Sorted(maps.Keys(h.members)), nil
}

func (h *house) Positions(_ context.Context, _ chat.ConversationID, after chat.UserID, limit int) (out []receipt.Position, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, u := range slices.Sorted(maps.Keys(h.members)) {
		if u > after && len(out) < limit {
			out = append(out, *h.members[u])
		}
	}
	return out, nil
}

func (h *house) Private(_ context.Context, users []chat.UserID) (out []chat.UserID, err error) {
	return slices.DeleteFunc(slices.Clone(users), func(u chat.UserID) bool { return !h.private[u] }), nil
}

func (h *house) Blockers(_ context.Context, user chat.UserID, of []chat.UserID) (out []chat.UserID, err error) {
	return slices.DeleteFunc(slices.Clone(of), func(u chat.UserID) bool { return !h.blocks[[2]chat.UserID{u, user}] }), nil
}

func (h *house) Blocked(_ context.Context, user chat.UserID, of []chat.UserID) (out []chat.UserID, err error) {
	return slices.DeleteFunc(slices.Clone(of), func(u chat.UserID) bool { return !h.blocks[[2]chat.UserID{user, u}] }), nil
}

func (h *house) submit(d *chat.Draft, done func(chat.Result)) {
	done(h.submitted(d))
}

func (h *house) submitted(d *chat.Draft) chat.Result {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.drafts++
	m := h.members[d.Sender]
	if m == nil || d.Conversation != room {
		return chat.Result{Err: chat.Errorf(chat.CodeNotFound, chat.ReasonConversationNotFound, "none")}
	}
	to := min(d.Got, h.head.Seq)
	r := chat.Result{Seq: max(m.Got, to), Repeat: to <= m.Got}
	m.Got = r.Seq
	return r
}

// did is how many rounds were told, and how many drafts were submitted.
func (h *house) did() []int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return []int{h.rounds, h.drafts}
}

// got is what is stored of a member.
func (h *house) got(user chat.UserID) chat.Seq {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.members[user].Got
}

func (h *house) tell(_ context.Context, t receipt.Told) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.rounds++
	for _, u := range t.Users {
		h.told[u] = append(h.told[u], t.Receipts...)
	}
	return h.refuse
}

// news is what a user was told since the last look.
func (h *house) news(user chat.UserID) []chat.Receipt {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := h.told[user]
	delete(h.told, user)
	return out
}

// live runs a hub in a bubble.
func (h *house) live(t *testing.T, test func(hub *receipt.Hub, pass func())) {
	synctest.Test(t, func(t *testing.T) {
		hub := receipt.NewHub(h.cfg, receipt.Deps{
			Heads: h, Members: h, Privacy: h, Submit: h.submit, Tell: h.tell, Quiet: func() bool { return h.quiet },
		})
		ctx, cancel := context.WithCancel(t.Context())
		go func() { _ = hub.Run(ctx) }() // ends with ctx
		test(hub, func() {
			time.Sleep(h.cfg.Every + time.Millisecond) //nolint:forbidigo // virtual time
			synctest.Wait()
		})
		cancel()
		synctest.Wait()
	})
}

// RCP-3, RCP-5, RCP-6: what is new falls together per member, is stored where it is not, and is told to the others once in a moment.
func TestHub(t *testing.T) {
	t.Parallel()
	h := newHouse(3)
	h.live(t, func(hub *receipt.Hub, pass func()) {
		for seq := chat.Seq(1); seq <= 50; seq++ {
			hub.Got(2, room, seq)
		}
		hub.Moved(3, room, 20)
		hub.Moved(3, room, 10)
		hub.Got(3, room, 15) // it was read already
		pass()
		want := []chat.Receipt{{User: 2, Got: 50}, {User: 3, Read: 20, Got: 20}}
		assert.Equal(t, "told", h.news(1), want)
		assert.Equal(t, "rounds, and drafts", h.did(), []int{1, 1})
		hub.Got(2, room, 50)
		hub.Got(2, room, 7)
		pass()
		assert.Equal(t, "nothing is new", h.did(), []int{1, 1})
		hub.Got(2, room, 900)
		hub.Got(44, room, 5)
		hub.Got(2, 99, 5)
		hub.Moved(1, room, 100)
		pass()
		assert.Equal(t, "no stranger, nothing beyond the end", h.news(3)[2:], []chat.Receipt{{User: 1, Read: 100, Got: 100}, {User: 2, Got: 100}})

		h.news(2)
		h.quiet = true
		hub.Moved(1, room, 101)
		hub.Got(3, room, 60)
		pass()
		assert.Equal(t, "under pressure nobody is told", len(h.news(2)), 0)
		assert.Equal(t, "but it is stored", h.got(3), chat.Seq(60))
		h.quiet, h.refuse = false, context.DeadlineExceeded
		hub.Moved(1, room, 102)
		pass()
		h.news(2)
		h.refuse = nil
		hub.Moved(1, room, 103)
		pass()
		assert.Equal(t, "what was not told comes with the next", h.news(2), []chat.Receipt{{User: 1, Read: 103, Got: 103}})
	})
}

// RCP-5: a node stores so many positions in a second; the rest waits, and is not lost.
func TestHubStoresAtARate(t *testing.T) {
	t.Parallel()
	h := newHouse(100)
	h.cfg.GotRate = 20 // 10 in a round
	h.live(t, func(hub *receipt.Hub, pass func()) {
		for u := chat.UserID(1); u <= 100; u++ {
			hub.Got(u, room, 9)
		}
		pass()
		assert.Equal(t, "in a round", h.did()[1], 10)
		for range 9 {
			pass()
		}
		assert.Equal(t, "in the end", h.did()[1], 100)
		for u := range h.members {
			assert.Equal(t, "stored", h.got(u), chat.Seq(9))
		}
	})
}

// RCP-4, RCP-9: above the bound nobody is told, and nothing is stored.
func TestHubLeavesLargeConversationsAlone(t *testing.T) {
	t.Parallel()
	h := newHouse(3)
	h.head.Members = 201
	h.live(t, func(hub *receipt.Hub, pass func()) {
		hub.Got(2, room, 5)
		hub.Moved(3, room, 5)
		pass()
		assert.Equal(t, "nothing comes of it", h.did(), []int{0, 0})
	})
}

// RCP-10, RCP-11: who is private is not shown to have read, and is shown nobody who has; the blocked ones learn nothing.
func TestPrivacy(t *testing.T) {
	t.Parallel()
	h := newHouse(4)
	h.private[2], h.blocks[[2]chat.UserID{3, 4}] = true, true
	h.live(t, func(hub *receipt.Hub, pass func()) {
		hub.Moved(2, room, 5)
		hub.Moved(3, room, 6)
		pass()
		two, three := chat.Receipt{User: 2, Got: 5}, chat.Receipt{User: 3, Read: 6, Got: 6}
		for user, want := range map[chat.UserID][]chat.Receipt{
			1: {three, two}, 2: {{User: 3, Got: 6}}, 3: {two}, 4: {two},
		} {
			assert.Equal(t, "told", h.news(user), want)
		}
	})
	for _, u := range []chat.UserID{2, 3, 4} {
		h.members[u].Read = 9
	}
	s := receipt.New(h.cfg, h, h, h)
	for viewer, want := range map[chat.UserID]receipt.Answer{
		1: {Read: []chat.UserID{3, 4}, Got: []chat.UserID{2, 3, 4}, ReadCount: 2, GotCount: 3, Of: 3},
		2: {Got: []chat.UserID{2, 3, 4}, GotCount: 3, Of: 3, ReadHidden: true},
		4: {Read: []chat.UserID{4}, Got: []chat.UserID{2, 4}, ReadCount: 1, GotCount: 2, Of: 2},
	} {
		a, err := s.Get(t.Context(), viewer, room, 9)
		assert.NoError(t, "asking", err)
		assert.Equal(t, "receipts", a, want)
	}
	list, hidden, err := s.List(t.Context(), 4, room)
	assert.True(t, "listing", err == nil && !hidden)
	assert.Equal(t, "for who is blocked", list, []chat.Receipt{{User: 1, Read: 1, Got: 1}, {User: 2, Got: 9}})
	list, hidden, err = s.List(t.Context(), 2, room)
	assert.True(t, "for who is private", err == nil && hidden && len(list) == 3 && list[1] == chat.Receipt{User: 3, Got: 9})
}

// RCP-7, RCP-8, RCP-9: names up to a size, then counts and a sample, then nothing; who came later is not counted.
func TestSizes(t *testing.T) {
	t.Parallel()
	h := newHouse(2_500)
	h.cfg.NamedMembers, h.cfg.CountedMembers = 200, 3_000
	for u, m := range h.members {
		if u%2 == 0 {
			m.Read = 50
		}
		if u > 2_400 { // newcomers, who begin to read where they came
			m.Spans, m.Read = []chat.Span{{From: 60}}, 60
		}
	}
	s := receipt.New(h.cfg, h, h, h)
	a, err := s.Get(t.Context(), 5, room, 50)
	assert.NoError(t, "asking", err)
	assert.Equal(t, "counts", []uint32{a.ReadCount, a.GotCount, a.Of}, []uint32{1_200, 0, 2_399})
	assert.True(t, "a sample", a.Sampled && len(a.Read) == 20 && slices.IsSorted(a.Read) && a.Got == nil)
	for _, u := range a.Read {
		assert.True(t, "of those who have read it", u%2 == 0 && u <= 2_400)
	}
	_, _, err = s.List(t.Context(), 5, room)
	assert.Equal(t, "positions of all", chat.AsError(err).Reason, chat.ReasonReceiptsOff)
	_, err = s.Get(t.Context(), 2_500, room, 50)
	assert.Equal(t, "of what is not for the one who asks", chat.AsError(err).Reason, chat.ReasonMessageNotFound)
	_, err = s.Get(t.Context(), 9_999, room, 50)
	assert.Equal(t, "for a stranger", chat.AsError(err).Reason, chat.ReasonConversationNotFound)
	h.head.Members = 3_001
	_, err = s.Get(t.Context(), 5, room, 50)
	assert.Equal(t, "above the size", chat.AsError(err).Reason, chat.ReasonReceiptsOff)
}

// FuzzDecode: whatever another node says is read without harm, and what it wrote is read as it was.
func FuzzDecode(f *testing.F) {
	f.Add(receipt.Append(nil, []chat.Receipt{{User: 1, Read: 2, Got: 300}, {User: chat.MaxID, Got: 1}}))
	f.Add([]byte{1, 255})
	f.Fuzz(func(t *testing.T, b []byte) {
		list := receipt.Decode(b)
		assert.Equal(t, "again", receipt.Decode(receipt.Append(nil, list)), list)
	})
}
