package porttest

import (
	"sync"
	"testing"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/timeline"
)

// Shelf holds an adapter to the rules of timeline.Shelf. open returns a fresh, empty shelf.
func Shelf(t *testing.T, open func(t testing.TB) timeline.Shelf) {
	t.Helper()
	for name, test := range map[string]func(t *testing.T, s timeline.Shelf){
		"SHF-1 rows of several users":           shelfRows,
		"SHF-2 the highest seq wins":            shelfEnroll,
		"SHF-2 concurrent changes":              shelfConcurrent,
		"SHF-3 settings count and make a row":   shelfSettings,
		"SHF-3 concurrent patches":              shelfPatches,
		"SHF-4 settings and membership apart":   shelfApart,
		"positions are by name and stream":      shelfPositions,
		"what is asked for of nobody is nobody": shelfNobody,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t))
		})
	}
}

func enroll(t testing.TB, s timeline.Shelf, changes ...timeline.Change) {
	t.Helper()
	assert.NoError(t, "enroll", s.Enroll(t.Context(), changes))
}

func shelved(t testing.TB, s timeline.Shelf, user chat.UserID) []timeline.Kept {
	t.Helper()
	rows, err := s.Rows(t.Context(), []chat.UserID{user})
	assert.NoError(t, "rows", err)
	assert.Equal(t, "lists", len(rows), 1)
	return rows[0]
}

func shelfRows(t *testing.T, s timeline.Shelf) {
	const top = chat.UserID(chat.MaxID)
	enroll(t, s, entered(2, 9, 3), entered(1, 7, 1), entered(2, 8, 1), entered(top, chat.MaxID, chat.MaxID), entered(3, 7, 4))
	enroll(t, s, timeline.Change{User: 3, Conversation: 7, Membership: timeline.Ended, Seq: 6}, timeline.Change{User: 5, Conversation: 7, Seq: 9})
	users := []chat.UserID{2, 4, top, 1, 3, 5}
	rows, err := s.Rows(t.Context(), users)
	assert.NoError(t, "rows", err)
	assert.Equal(t, "lists", len(rows), len(users))
	assert.Equal(t, "two rows, in order", rows[0], []timeline.Kept{{Conversation: 8, Current: true, Seq: 1}, {Conversation: 9, Current: true, Seq: 3}})
	assert.Equal(t, "nobody", len(rows[1]), 0)
	assert.Equal(t, "the largest numbers", rows[2], []timeline.Kept{{Conversation: chat.MaxID, Current: true, Seq: chat.MaxID}})
	assert.Equal(t, "one row", rows[3], []timeline.Kept{{Conversation: 7, Current: true, Seq: 1}})
	assert.Equal(t, "who has gone", rows[4], []timeline.Kept{{Conversation: 7, Seq: 6}})
	assert.Equal(t, "no change of a membership", len(rows[5]), 0)
	counts, err := s.Counts(t.Context(), users)
	assert.NoError(t, "counts", err)
	assert.Equal(t, "counts", counts, []int{2, 0, 1, 1, 0, 0})
}

func shelfEnroll(t *testing.T, s timeline.Shelf) {
	enroll(t, s, entered(1, 7, 1), ended(7, 5), entered(1, 7, 9))
	want := []timeline.Kept{{Conversation: 7, Current: true, Seq: 9}}
	assert.Equal(t, "the last one", shelved(t, s, 1), want)
	enroll(t, s, entered(1, 7, 1), ended(7, 5), ended(7, 9))
	assert.Equal(t, "repeats", shelved(t, s, 1), want)
	enroll(t, s, ended(7, 12), entered(1, 7, 11))
	assert.Equal(t, "the highest, not the last", shelved(t, s, 1), []timeline.Kept{{Conversation: 7, Seq: 12}})
}

func shelfConcurrent(t *testing.T, s timeline.Shelf) {
	var all sync.WaitGroup
	for g := range 8 {
		all.Go(func() {
			var changes []timeline.Change
			for i := range 50 {
				seq := chat.Seq(i*8 + g + 1)
				for user := chat.UserID(4); user > 0; user-- {
					c := entered(user, chat.ConversationID(7+(uint64(user)+uint64(g))%2), seq)
					if seq%3 == 0 {
						c.Membership = timeline.Ended
					}
					changes = append(changes, c)
				}
			}
			for len(changes) > 0 {
				if err := s.Enroll(t.Context(), changes[:20]); err != nil {
					t.Errorf("enroll: %v", err)
					return
				}
				changes = changes[20:]
			}
		})
	}
	all.Wait()
	for user := chat.UserID(1); user <= 4; user++ {
		for _, row := range shelved(t, s, user) {
			g := (uint64(row.Conversation) - 7 + uint64(user)) % 2 // of these goroutines, the odd or the even ones
			last := chat.Seq(49*8 + 6 + g + 1)
			assert.Equal(t, "seq", row.Seq, last)
			assert.Equal(t, "current", row.Current, last%3 != 0)
		}
	}
}

// putSettings patches the settings of user 1 for conversation 7.
func putSettings(t testing.TB, s timeline.Shelf, p timeline.Patch) timeline.Kept {
	t.Helper()
	row, err := s.PutSettings(t.Context(), 1, 7, p)
	assert.NoError(t, "settings", err)
	return row
}

func shelfSettings(t *testing.T, s timeline.Shelf) {
	got := putSettings(t, s, timeline.Patch{Pinned: on(true), Draft: on("dräft"), MarkedUnread: on(true), MarkedAt: 4})
	want := timeline.Kept{Conversation: 7, Current: true, Version: 1, Settings: timeline.Settings{
		Settings: chat.Settings{Pinned: true, MarkedUnread: true, Draft: "dräft"}, MarkedAt: 4,
	}}
	assert.Equal(t, "a row of settings", got, want)
	row, err := s.Row(t.Context(), 1, 7)
	assert.NoError(t, "row", err)
	assert.Equal(t, "with the draft", row, want)
	drafts, err := s.Drafts(t.Context(), 1, []chat.ConversationID{9, 7})
	assert.NoError(t, "drafts", err)
	assert.Equal(t, "drafts", drafts, []string{"", "dräft"})
	want.Settings.Draft = ""
	assert.Equal(t, "without", shelved(t, s, 1), []timeline.Kept{want})
	got = putSettings(t, s, timeline.Patch{Muted: on(true), Draft: on("")})
	want.Version, want.Settings.Muted = 2, true
	assert.Equal(t, "patched", got, want)
	enroll(t, s, ended(7, 1))
	assert.True(t, "overruled", !shelved(t, s, 1)[0].Current)
	assert.True(t, "settings make nobody a member who was one", !putSettings(t, s, timeline.Patch{Muted: on(false)}).Current)
}

func shelfPatches(t *testing.T, s timeline.Shelf) {
	var all sync.WaitGroup
	for _, p := range []timeline.Patch{{Pinned: on(true)}, {Muted: on(true)}, {Archived: on(true)}, {Draft: on("x")}} {
		for range 5 {
			all.Go(func() {
				if _, err := s.PutSettings(t.Context(), 1, 7, p); err != nil {
					t.Errorf("settings: %v", err)
				}
			})
		}
	}
	all.Wait()
	row, err := s.Row(t.Context(), 1, 7)
	assert.NoError(t, "row", err)
	assert.Equal(t, "all of them", row.Settings.Settings, chat.Settings{Pinned: true, Muted: true, Archived: true, Draft: "x"})
	assert.Equal(t, "each counted", row.Version, uint64(20))
}

func shelfApart(t *testing.T, s timeline.Shelf) {
	enroll(t, s, entered(1, 7, 3))
	putSettings(t, s, timeline.Patch{Muted: on(true), Draft: on("d")})
	want := timeline.Kept{
		Conversation: 7, Current: true, Seq: 3, Version: 1,
		Settings: timeline.Settings{Settings: chat.Settings{Muted: true, Draft: "d"}},
	}
	row, err := s.Row(t.Context(), 1, 7)
	assert.NoError(t, "row", err)
	assert.Equal(t, "both", row, want)
	enroll(t, s, ended(7, 4))
	row, err = s.Row(t.Context(), 1, 7)
	assert.NoError(t, "row", err)
	want.Current, want.Seq = false, 4
	assert.Equal(t, "after it ended", row, want)
}

func shelfPositions(t *testing.T, s timeline.Shelf) {
	position := func(name string, stream int) chat.Position {
		pos, err := s.Position(t.Context(), name, stream)
		assert.NoError(t, "position", err)
		return pos
	}
	assert.Equal(t, "at first", position("timelines", 3), chat.Position(0))
	for _, pos := range []chat.Position{1, 1 << 40, 7} {
		assert.NoError(t, "put", s.PutPosition(t.Context(), "timelines", 3, pos))
		assert.Equal(t, "position", position("timelines", 3), pos)
	}
	assert.Equal(t, "of another stream", position("timelines", 2), chat.Position(0))
	assert.Equal(t, "of another name", position("search", 3), chat.Position(0))
}

func shelfNobody(t *testing.T, s timeline.Shelf) {
	rows, err := s.Rows(t.Context(), nil)
	assert.NoError(t, "rows", err)
	assert.Equal(t, "rows", len(rows), 0)
	row, err := s.Row(t.Context(), 1, 7)
	assert.NoError(t, "row", err)
	assert.Equal(t, "row", row, timeline.Kept{Conversation: 7})
	drafts, err := s.Drafts(t.Context(), 1, nil)
	assert.NoError(t, "drafts", err)
	assert.Equal(t, "drafts", len(drafts), 0)
	counts, err := s.Counts(t.Context(), nil)
	assert.NoError(t, "counts", err)
	assert.Equal(t, "counts", len(counts), 0)
	enroll(t, s)
}
