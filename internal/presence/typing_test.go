package presence_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/presence"
)

// rooms are conversations and who is in them, and what was told.
type rooms struct {
	mu      sync.Mutex
	heads   map[chat.ConversationID]chat.Head
	members map[chat.ConversationID][]chat.UserID
	loads   int
	told    []presence.Typed
	hidden  map[chat.UserID][]chat.UserID // from whom
	err     error
}

// hides is a presence.Hidden.
func (r *rooms) hides(_ context.Context, watcher chat.UserID, users []chat.UserID) (out []chat.UserID, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, u := range users {
		if slices.Contains(r.hidden[u], watcher) {
			out = append(out, u)
		}
	}
	return out, nil
}

func (r *rooms) Standing(_ context.Context, user chat.UserID, id chat.ConversationID) (chat.Head, bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.heads[id], slices.Contains(r.members[id], user), r.err
}

func (r *rooms) Members(_ context.Context, id chat.ConversationID) ([]chat.UserID, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.loads++
	return slices.Clone(r.members[id]), nil
}

func (r *rooms) tell(_ context.Context, t presence.Typed) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.told = append(r.told, t)
	return nil
}

func (r *rooms) room(id chat.ConversationID, tier chat.Tier, changed chat.Seq, members ...chat.UserID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.heads[id] = chat.Head{Conversation: id, Tier: tier, MemberSeq: changed}
	r.members[id] = members
}

// taken is what was told since the last look.
func (r *rooms) taken() []presence.Typed {
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	all := r.told
	r.told = nil
	return all
}

func pass(d time.Duration) {
	t := time.NewTimer(d)
	<-t.C
	synctest.Wait()
}

func inRooms(t *testing.T, cfg presence.Config, test func(r *rooms, typing *presence.Typing, reg *prometheus.Registry)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := &rooms{heads: map[chat.ConversationID]chat.Head{}, members: map[chat.ConversationID][]chat.UserID{}}
		reg := prometheus.NewRegistry()
		typing := presence.NewTyping(cfg, r, r.tell, r.hides, reg)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- typing.Run(ctx) }()
		test(r, typing, reg)
		stop()
		assert.NoError(t, "run", <-ended)
	})
}

// PRE-2: it goes from members to members, and in large conversations to nobody.
func TestTypingGoesFromMembersToMembers(t *testing.T) {
	t.Parallel()
	inRooms(t, presence.Default(), func(r *rooms, typing *presence.Typing, reg *prometheus.Registry) {
		r.room(5, chat.TierSmall, 1, 1, 2, 3)
		r.room(6, chat.TierMedium, 4, 1, 2)
		r.room(7, chat.TierLarge, 4, 1, 2)
		for _, id := range []chat.ConversationID{5, 6, 7, 8} {
			typing.Type(1, 10, id)
			typing.Type(9, 90, id) // a stranger
		}
		got := r.taken()
		slices.SortFunc(got, func(a, b presence.Typed) int { return int(a.Conversation) - int(b.Conversation) })
		assert.Equal(t, "told", got, []presence.Typed{
			{Conversation: 5, User: 1, Device: 10, Users: []chat.UserID{2, 3}, MemberSeq: 1}, {Conversation: 6, User: 1, Device: 10, MemberSeq: 4},
		})
		// The list is read once for each change of it.
		r.room(5, chat.TierSmall, 2, 1, 3)
		typing.Type(2, 20, 5) // who was removed tells nobody
		typing.Type(3, 30, 5)
		assert.Equal(t, "told then", r.taken(), []presence.Typed{{Conversation: 5, User: 3, Device: 30, Users: []chat.UserID{1}, MemberSeq: 2}})
		pass(presence.TypingEvery)
		typing.Type(3, 30, 5)
		assert.Equal(t, "and again", len(r.taken()), 1)
		assert.Equal(t, "lists read", r.loads, 2)
		families, err := reg.Gather()
		assert.NoError(t, "metrics", err)
		counts := map[string]float64{}
		for _, f := range families {
			for _, m := range f.GetMetric() {
				key := f.GetName()
				for _, l := range m.GetLabel() {
					key += " " + l.GetValue()
				}
				counts[key] = m.GetCounter().GetValue()
			}
		}
		assert.Equal(t, "metrics", counts, map[string]float64{
			"throng_presence_typing_total": 4, "throng_presence_typing_dropped_total often": 0, "throng_presence_typing_dropped_total waiting": 0,
			"throng_presence_typing_dropped_total no_member": 6, "throng_presence_typing_dropped_total large": 1,
			"throng_presence_typing_dropped_total hidden": 0, "throng_presence_typing_dropped_total failed": 0,
		})
	})
}

// PRE-2: in a direct conversation neither of two sees the other one typing where one of them hides.
func TestTypingIsHidden(t *testing.T) {
	t.Parallel()
	inRooms(t, presence.Default(), func(r *rooms, typing *presence.Typing, _ *prometheus.Registry) {
		r.room(5, chat.TierSmall, 1, 1, 2)
		r.room(6, chat.TierSmall, 1, 1, 2)
		r.mu.Lock()
		direct := r.heads[5]
		direct.Kind = chat.KindDirect
		r.heads[5] = direct
		r.hidden = map[chat.UserID][]chat.UserID{2: {1}}
		r.mu.Unlock()
		for _, user := range []chat.UserID{1, 2} {
			typing.Type(user, 10, 5)
		}
		assert.Equal(t, "in the direct one", len(r.taken()), 0)
		typing.Type(1, 10, 6)
		assert.Equal(t, "in a group", len(r.taken()), 1)
		pass(presence.TypingEvery)
		r.mu.Lock()
		r.hidden = nil
		r.mu.Unlock()
		typing.Type(1, 10, 5)
		assert.Equal(t, "hidden no more", len(r.taken()), 1)
	})
}

// PRE-3: at most one in 3 seconds for a member and a conversation.
func TestTypingIsToldOnceInAWhile(t *testing.T) {
	t.Parallel()
	inRooms(t, presence.Default(), func(r *rooms, typing *presence.Typing, _ *prometheus.Registry) {
		r.room(5, chat.TierSmall, 1, 1, 2)
		r.room(6, chat.TierSmall, 1, 1, 2)
		told := map[chat.ConversationID]int{}
		for range 100 { // 10 seconds
			typing.Type(1, 10, 5)
			typing.Type(1, 11, 5) // another device is the same member
			typing.Type(1, 10, 6)
			for _, w := range r.taken() {
				told[w.Conversation]++
			}
			pass(100 * time.Millisecond)
		}
		assert.Equal(t, "told", told, map[chat.ConversationID]int{5: 4, 6: 4})
	})
}

// Whoever floods it, and whatever fails, it stays bounded and goes on.
func TestTypingIsBounded(t *testing.T) {
	t.Parallel()
	inRooms(t, presence.Default(), func(r *rooms, typing *presence.Typing, _ *prometheus.Registry) {
		r.room(5, chat.TierSmall, 1, 1, 2)
		r.mu.Lock()
		r.err = chat.Errorf(chat.CodeUnavailable, chat.ReasonStorageUnavailable, "away")
		r.mu.Unlock()
		for u := range chat.UserID(200_000) {
			typing.Type(u+1, 1, 5)
		}
		assert.Equal(t, "told", len(r.taken()), 0)
		r.mu.Lock()
		r.err = nil
		r.mu.Unlock()
		pass(2 * presence.TypingEvery)
		typing.Type(1, 1, 5)
		assert.Equal(t, "told then", len(r.taken()), 1)
	})
}

// An operator may switch it off.
func TestTypingOff(t *testing.T) {
	t.Parallel()
	cfg := presence.Default()
	cfg.Typing = false
	inRooms(t, cfg, func(r *rooms, typing *presence.Typing, _ *prometheus.Registry) {
		r.room(5, chat.TierSmall, 1, 1, 2)
		typing.Type(1, 10, 5)
		assert.Equal(t, "told", len(r.taken()), 0)
	})
	cfg.TypingMembers = 10
	assert.True(t, "too few members", cfg.Validate() != nil)
	assert.NoError(t, "the default", presence.Default().Validate())
}
