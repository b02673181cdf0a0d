package porttest

import (
	"fmt"
	"testing"
	"time"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/presence"
)

// Presences is an adapter of presence.
type Presences struct {
	// Join adds a node.
	Join func(t testing.TB, node string) presence.Store
	// Leave has a node gone without a word.
	Leave func(t testing.TB, node string)
	// Lose loses everything that was noted; nil where an adapter cannot.
	Lose func(t testing.TB)
	// Lease is within which time a node that has gone is known to be.
	Lease time.Duration
}

// Presence runs the rules of presence.Store against an adapter. Open returns a deployment without nodes.
func Presence(t *testing.T, open func(t testing.TB) Presences) {
	t.Helper()
	for _, c := range []struct {
		name string
		run  func(t *testing.T, p Presences)
	}{
		{"PST-1 the highest state of all nodes", presenceMerges},
		{"PST-2 a note names the nodes that watch", presenceWatched},
		{"PST-3 who is not known is offline", presenceUnknown},
		{"PST-4 versions rise with notes, and only with them", presenceVersions},
		{"PST-5 what a node noted goes with it", presenceGone},
		{"PST-6 counts are summed", presenceCounts},
		{"PST-1 many at once", presenceMany},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.run(t, open(t))
		})
	}
}

func note(t testing.TB, s presence.Store, user chat.UserID, state presence.State) presence.Noted {
	t.Helper()
	list, err := s.Note(t.Context(), []presence.Word{{User: user, State: state}})
	assert.NoError(t, "noting", err)
	assert.Equal(t, "answers", len(list), 1)
	assert.Equal(t, "user", list[0].User, user)
	return list[0]
}

func readOne(t testing.TB, s presence.Store, user chat.UserID) presence.Status {
	t.Helper()
	list, err := s.Read(t.Context(), []chat.UserID{user})
	assert.NoError(t, "reading", err)
	assert.Equal(t, "answers", len(list), 1)
	return list[0]
}

func presenceMerges(t *testing.T, p Presences) {
	a, b := p.Join(t, "a"), p.Join(t, "b")
	for _, c := range []struct {
		on    presence.Store
		state presence.State
		want  presence.State
	}{
		{a, presence.Online, presence.Online},
		{b, presence.Away, presence.Online},
		{b, presence.Busy, presence.Busy},
		{a, presence.Offline, presence.Busy},
		{b, presence.Away, presence.Away},
		{a, presence.Online, presence.Online},
		{a, presence.Offline, presence.Away},
		{b, presence.Offline, presence.Offline},
	} {
		assert.Equal(t, "state", note(t, c.on, 7, c.state).State, c.want)
		assert.Equal(t, "read on a", readOne(t, a, 7).State, c.want)
		assert.Equal(t, "read on b", readOne(t, b, 7).State, c.want)
	}
}

func presenceWatched(t *testing.T, p Presences) {
	a, b := p.Join(t, "a"), p.Join(t, "b")
	assert.Equal(t, "nobody watches", len(note(t, a, 7, presence.Online).Watchers), 0)
	for _, s := range []presence.Store{a, b, b} {
		list, err := s.Watch(t.Context(), []chat.UserID{7, 8})
		assert.NoError(t, "watching", err)
		assert.Equal(t, "how they are", []presence.State{list[0].State, list[1].State}, []presence.State{presence.Online, presence.Offline})
	}
	assert.Equal(t, "both watch", note(t, a, 7, presence.Away).Watchers, []string{"a", "b"})
	assert.Equal(t, "from both sides", note(t, b, 8, presence.Online).Watchers, []string{"a", "b"})
	assert.NoError(t, "unwatch", a.Unwatch(t.Context(), []chat.UserID{7, 99}))
	assert.Equal(t, "one watches", note(t, a, 7, presence.Offline).Watchers, []string{"b"})
	assert.Equal(t, "the other one still", note(t, a, 8, presence.Offline).Watchers, []string{"a", "b"})
}

func presenceUnknown(t *testing.T, p Presences) {
	a := p.Join(t, "a")
	assert.Equal(t, "a stranger", readOne(t, a, 999), presence.Status{User: 999})
	list, err := a.Read(t.Context(), nil)
	assert.NoError(t, "reading nobody", err)
	assert.Equal(t, "nobody", len(list), 0)
}

func presenceVersions(t *testing.T, p Presences) {
	a, b := p.Join(t, "a"), p.Join(t, "b")
	var last uint64
	_, err := b.Watch(t.Context(), []chat.UserID{7})
	assert.NoError(t, "watching", err)
	for n := range 20 {
		s := a
		if n%3 == 1 {
			s = b
		}
		got := note(t, s, 7, presence.State(n%4))
		assert.True(t, "versions rise", got.Version > last)
		last = got.Version
		list, err := b.Watch(t.Context(), []chat.UserID{7})
		assert.NoError(t, "watching", err)
		assert.Equal(t, "as it was noted", list[0], got.Status)
		assert.Equal(t, "as it is read", readOne(t, a, 7), got.Status)
		if n == 9 && p.Lose != nil {
			p.Lose(t)
			_, err := b.Watch(t.Context(), []chat.UserID{7})
			assert.NoError(t, "watching again", err)
		}
	}
}

func presenceGone(t *testing.T, p Presences) {
	a, b := p.Join(t, "a"), p.Join(t, "b")
	note(t, a, 7, presence.Busy)
	note(t, b, 7, presence.Away)
	_, err := a.Watch(t.Context(), []chat.UserID{7})
	assert.NoError(t, "watching", err)
	assert.NoError(t, "reporting", a.Report(t.Context(), []presence.Count{{Conversation: 5, Online: 3}}))
	p.Leave(t, "a")
	for until := time.Now().Add(p.Lease); readOne(t, b, 7).State != presence.Away; {
		if time.Now().After(until) {
			t.Fatalf("%+v %s after a node was gone", readOne(t, b, 7), p.Lease)
		}
		<-time.After(50 * time.Millisecond)
	}
	assert.Equal(t, "nodes", b.Nodes(), []string{"b"})
	assert.Equal(t, "who watches", len(note(t, b, 7, presence.Online).Watchers), 0)
	counts, err := b.Counts(t.Context(), []chat.ConversationID{5})
	assert.NoError(t, "counting", err)
	assert.Equal(t, "count", counts, []uint64{0})
}

func presenceCounts(t *testing.T, p Presences) {
	a, b := p.Join(t, "a"), p.Join(t, "b")
	assert.NoError(t, "reporting", a.Report(t.Context(), []presence.Count{{Conversation: 5, Online: 3}, {Conversation: 6, Online: 1}}))
	assert.NoError(t, "reporting", b.Report(t.Context(), []presence.Count{{Conversation: 5, Online: 4}}))
	counts, err := a.Counts(t.Context(), []chat.ConversationID{5, 6, 7})
	assert.NoError(t, "counting", err)
	assert.Equal(t, "counts", counts, []uint64{7, 1, 0})
	assert.NoError(t, "reporting", a.Report(t.Context(), []presence.Count{{Conversation: 5}}))
	counts, err = b.Counts(t.Context(), []chat.ConversationID{5})
	assert.NoError(t, "counting", err)
	assert.Equal(t, "counts then", counts, []uint64{4})
}

func presenceMany(t *testing.T, p Presences) {
	a, b := p.Join(t, "a"), p.Join(t, "b")
	const many = 1_200
	words, users := make([]presence.Word, 0, many), make([]chat.UserID, 0, many)
	for u := range chat.UserID(many) {
		words, users = append(words, presence.Word{User: u + 1, State: presence.State(u % 4)}), append(users, u+1)
	}
	_, err := b.Watch(t.Context(), users)
	assert.NoError(t, "watching", err)
	list, err := a.Note(t.Context(), words)
	assert.NoError(t, "noting", err)
	read, err := b.Read(t.Context(), users)
	assert.NoError(t, "reading", err)
	for i := range list {
		assert.Equal(t, fmt.Sprint("user ", i), list[i].Status, read[i])
		assert.Equal(t, "state", list[i].State, words[i].State)
		assert.Equal(t, "watchers", list[i].Watchers, []string{"b"})
	}
}
