package porttest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/timeline"
)

// TimelineStore is a timeline.Store that can lose power.
type TimelineStore interface {
	timeline.Store
	// Crash loses what is not durable and returns the store that was opened after that. Rebuild draws a new generation in
	// place of the rows; what the log has no members for is gone.
	Crash(t testing.TB) TimelineStore
	Rebuild(t testing.TB) TimelineStore
}

// Timeline holds an adapter to the rules of timeline.Store. open returns a fresh, empty store.
func Timeline(t *testing.T, open func(t testing.TB) TimelineStore) {
	t.Helper()
	for name, test := range map[string]func(t *testing.T, s TimelineStore){
		"TML-1 rows and position are one batch":         timelineBatch,
		"TML-2 pts rise and rows are unique":            timelineOrder,
		"TML-3 what was read stands after a crash":      timelineDurable,
		"TML-4 repeats leave the membership as it is":   timelineRepeat,
		"TML-4 changes of strangers are dropped":        timelineStranger,
		"TML-5 settings are changes and durable":        timelineSettings,
		"TML-5 concurrent patches all take effect":      timelinePatches,
		"TML-6 quiet changes take no pts":               timelineQuiet,
		"TML-7 settings outlive rows":                   timelineOutlive,
		"TML-8 the end tells of every change":           timelineEnd,
		"TML-9 what was given out is not spared":        timelineSpare,
		"a generation is drawn anew and otherwise kept": timelineGeneration,
		"users do not see each other's rows":            timelineUsers,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t))
		})
	}
}

func entered(user chat.UserID, id chat.ConversationID, seq chat.Seq) timeline.Change {
	return timeline.Change{User: user, Conversation: id, Membership: timeline.Entered, Seq: seq}
}

// ended is user 1's.
func ended(id chat.ConversationID, seq chat.Seq) timeline.Change {
	return timeline.Change{User: 1, Conversation: id, Membership: timeline.Ended, Seq: seq}
}

func apply(t testing.TB, s timeline.Store, pos chat.Position, changes ...timeline.Change) []timeline.PTS {
	t.Helper()
	given, err := s.Apply(context.Background(), changes, pos)
	assert.NoError(t, "apply", err)
	assert.Equal(t, "a pts for each change", len(given), len(changes))
	return given
}

func rowsOf(t testing.TB, s timeline.Store, user chat.UserID) timeline.Rows {
	t.Helper()
	rows, err := s.Rows(context.Background(), user)
	assert.NoError(t, "rows", err)
	ids, err := s.Memberships(context.Background(), user)
	assert.NoError(t, "memberships", err)
	var current []chat.ConversationID
	for _, r := range rows.Rows {
		if r.Current {
			current = append(current, r.Conversation)
		}
	}
	slices.Sort(ids)
	slices.Sort(current)
	assert.True(t, fmt.Sprintf("memberships %v are the current ones of the rows, %v", ids, current), slices.Equal(ids, current))
	return rows
}

func timelineBatch(t *testing.T, s TimelineStore) {
	for i := range 20 {
		id := chat.ConversationID(i + 1)
		apply(t, s, chat.Position(i+1), entered(1, id, 1), entered(2, id, 1))
		if i%5 != 4 {
			continue
		}
		s = s.Crash(t)
		pos, err := s.Position(context.Background())
		assert.NoError(t, "position", err)
		for u := chat.UserID(1); u <= 2; u++ {
			assert.Equal(t, "rows up to the position", len(rowsOf(t, s, u).Rows), int(pos))
		}
		for ; pos <= chat.Position(i); pos++ { // what was lost comes again
			apply(t, s, pos+1, entered(1, chat.ConversationID(pos+1), 1), entered(2, chat.ConversationID(pos+1), 1))
		}
	}
}

func timelineOrder(t *testing.T, s TimelineStore) {
	given := apply(t, s, 1, entered(1, 7, 1), entered(1, 8, 1), entered(2, 7, 1), timeline.Change{User: 1, Conversation: 7})
	assert.Equal(t, "pts", given, []timeline.PTS{1, 2, 1, 3})
	given = apply(t, s, 2, timeline.Change{User: 1, Conversation: 8})
	assert.Equal(t, "pts of the next batch", given, []timeline.PTS{4})
	rows := rowsOf(t, s, 1)
	assert.Equal(t, "rows", rows, timeline.Rows{End: timeline.End{Generation: rows.Generation, Last: 4, Current: 2}, Rows: []timeline.Row{
		{Conversation: 7, PTS: 3, Current: true, Seq: 1}, {Conversation: 8, PTS: 4, Current: true, Seq: 1},
	}})
	nobody := rowsOf(t, s, 3)
	assert.Equal(t, "nobody", nobody, timeline.Rows{End: timeline.End{Generation: nobody.Generation}})
	row, ok, err := s.Row(context.Background(), 1, 8)
	assert.NoError(t, "row", err)
	assert.True(t, "row is there", ok)
	assert.Equal(t, "row", row, timeline.Row{Conversation: 8, PTS: 4, Current: true, Seq: 1})
	_, ok, err = s.Row(context.Background(), 1, 9)
	assert.NoError(t, "row", err)
	assert.True(t, "no row", !ok)
}

func timelineDurable(t *testing.T, s TimelineStore) {
	apply(t, s, 1, entered(1, 7, 1))
	for i := range 40 {
		apply(t, s, chat.Position(i+2), timeline.Change{User: 1, Conversation: 7})
		before := rowsOf(t, s, 1)
		apply(t, s, chat.Position(i+3), timeline.Change{User: 1, Conversation: 7}) // not read
		s = s.Crash(t)
		after := rowsOf(t, s, 1)
		assert.True(t, fmt.Sprintf("last %d after %d", after.Last, before.Last), after.Last >= before.Last)
	}
}

func timelineRepeat(t *testing.T, s TimelineStore) {
	apply(t, s, 1, entered(1, 7, 1), ended(7, 5), entered(1, 7, 9))
	row := func() timeline.Row { return rowsOf(t, s, 1).Rows[0] }
	assert.Equal(t, "membership", row(), timeline.Row{Conversation: 7, PTS: 3, Current: true, Seq: 9})
	given := apply(t, s, 2, entered(1, 7, 1), ended(7, 5), entered(1, 7, 9))
	assert.True(t, "still a member", row().Current && row().Seq == 9)
	assert.True(t, "a repeat counts as a change", given[2] > 3)
	apply(t, s, 3, ended(7, 12))
	given = apply(t, s, 4, entered(1, 7, 9), ended(7, 12))
	assert.Equal(t, "nothing more for a former member", given, []timeline.PTS{0, 0})
	assert.True(t, "still out", !row().Current)
}

func timelineStranger(t *testing.T, s TimelineStore) {
	apply(t, s, 1, entered(1, 7, 1), ended(7, 2))
	given := apply(t, s, 2, timeline.Change{User: 1, Conversation: 7}, timeline.Change{User: 2, Conversation: 7})
	assert.Equal(t, "dropped", given, []timeline.PTS{0, 0})
	assert.Equal(t, "no row", len(rowsOf(t, s, 2).Rows), 0)
}

func on[T any](v T) *T { return &v }

func timelineSettings(t *testing.T, s TimelineStore) {
	ctx := context.Background()
	apply(t, s, 1, entered(1, 7, 1))
	got, err := s.PutSettings(ctx, 1, 7, timeline.Patch{Pinned: on(true), Draft: on("dräft"), MarkedUnread: on(true), MarkedAt: 4})
	assert.NoError(t, "settings", err)
	want := timeline.Settings{Settings: chat.Settings{Pinned: true, Draft: "dräft", MarkedUnread: true}, MarkedAt: 4}
	assert.Equal(t, "settings", got, want)
	s = s.Crash(t)
	rows := rowsOf(t, s, 1)
	assert.True(t, "a change, and durable", rows.Last >= 1 && rows.Rows[0].PTS == rows.Last)
	row, _, err := s.Row(ctx, 1, 7)
	assert.NoError(t, "row", err)
	assert.Equal(t, "durable", row.Settings, want)
	want.Draft = ""
	assert.Equal(t, "rows come without drafts", rows.Rows[0].Settings, want)
	drafts, err := s.Drafts(ctx, 1, []chat.ConversationID{9, 7})
	assert.NoError(t, "drafts", err)
	assert.Equal(t, "drafts", drafts, []string{"", "dräft"})
	// Before the follower has come so far, settings make the row.
	_, err = s.PutSettings(ctx, 1, 8, timeline.Patch{Muted: on(true)})
	assert.NoError(t, "settings", err)
	row, ok, err := s.Row(ctx, 1, 8)
	assert.NoError(t, "row", err)
	assert.True(t, "a row", ok && row.Current && row.Seq == 0 && row.Settings.Muted)
}

func timelinePatches(t *testing.T, s TimelineStore) {
	ctx := context.Background()
	apply(t, s, 1, entered(1, 7, 1))
	var all sync.WaitGroup
	for _, p := range []timeline.Patch{{Pinned: on(true)}, {Muted: on(true)}, {Archived: on(true)}, {Draft: on("x")}} {
		all.Go(func() {
			_, err := s.PutSettings(ctx, 1, 7, p)
			if err != nil {
				t.Errorf("settings: %v", err)
			}
		})
	}
	for i := range 20 {
		apply(t, s, chat.Position(i+2), timeline.Change{User: 1, Conversation: 7})
	}
	all.Wait()
	row, _, err := s.Row(ctx, 1, 7)
	assert.NoError(t, "row", err)
	assert.Equal(t, "settings", row.Settings.Settings, chat.Settings{Pinned: true, Muted: true, Archived: true, Draft: "x"})
	assert.Equal(t, "each was a change", rowsOf(t, s, 1).Last, timeline.PTS(25))
}

func timelineQuiet(t *testing.T, s TimelineStore) {
	quiet := entered(1, 7, 1)
	quiet.Quiet = true
	assert.Equal(t, "no pts", apply(t, s, 1, quiet, entered(1, 8, 1)), []timeline.PTS{0, 1})
	assert.Equal(t, "rows", rowsOf(t, s, 1).Rows, []timeline.Row{
		{Conversation: 7, Current: true, Seq: 1}, {Conversation: 8, PTS: 1, Current: true, Seq: 1},
	})
	again := entered(1, 8, 5)
	again.Quiet = true
	apply(t, s, 2, ended(8, 3), again)
	assert.Equal(t, "an old row keeps its pts", rowsOf(t, s, 1).Rows[1], timeline.Row{Conversation: 8, PTS: 2, Current: true, Seq: 5})
}

func timelineOutlive(t *testing.T, s TimelineStore) {
	apply(t, s, 1, entered(1, 7, 1))
	_, err := s.PutSettings(context.Background(), 1, 7, timeline.Patch{Muted: on(true)})
	assert.NoError(t, "settings", err)
	apply(t, s, 2, ended(7, 3), entered(1, 7, 5), timeline.Change{User: 1, Conversation: 7})
	row := rowsOf(t, s, 1).Rows[0]
	assert.True(t, "muted", row.Settings.Muted && row.Current && row.Seq == 5)
}

func timelineGeneration(t *testing.T, s TimelineStore) {
	generation := func() uint64 {
		end, err := s.End(context.Background(), 1)
		assert.NoError(t, "end", err)
		return end.Generation
	}
	g := generation()
	assert.True(t, "fits a JavaScript number", g > 0 && g <= chat.MaxID)
	apply(t, s, 1, entered(1, 7, 1))
	_, err := s.PutSettings(context.Background(), 1, 7, timeline.Patch{Muted: on(true)})
	assert.NoError(t, "settings", err)
	s = s.Crash(t)
	assert.Equal(t, "after a crash", generation(), g)
	s = s.Rebuild(t)
	assert.True(t, "after a rebuild", generation() != g)
	assert.Equal(t, "rows without a log", len(rowsOf(t, s, 1).Rows), 0)
	row, _, err := s.Row(context.Background(), 1, 7)
	assert.NoError(t, "row", err)
	assert.True(t, "settings are no part of it", row.Settings.Muted)
}

func timelineUsers(t *testing.T, s TimelineStore) {
	const top = chat.UserID(chat.MaxID)
	apply(t, s, 1, entered(1, 7, 1), entered(2, chat.MaxID, 1), entered(top, 9, 1), entered(top-1, 8, 1))
	for user, id := range map[chat.UserID]chat.ConversationID{1: 7, 2: chat.MaxID, top: 9, top - 1: 8} {
		rows := rowsOf(t, s, user)
		assert.Equal(t, "rows", len(rows.Rows), 1)
		assert.Equal(t, "conversation", rows.Rows[0].Conversation, id)
	}
}

func timelineEnd(t *testing.T, s TimelineStore) {
	ctx := context.Background()
	quiet := func(id chat.ConversationID, seq chat.Seq) timeline.Change {
		c := entered(1, id, seq)
		c.Quiet = true
		return c
	}
	seen := map[timeline.End]bool{}
	for i, do := range []func(pos chat.Position){
		func(pos chat.Position) { apply(t, s, pos, entered(1, 7, 1)) },
		func(pos chat.Position) { apply(t, s, pos, quiet(8, 1)) },
		func(pos chat.Position) { apply(t, s, pos, timeline.Change{User: 1, Conversation: 7}) },
		func(pos chat.Position) { apply(t, s, pos, ended(8, 2)) },
		func(pos chat.Position) { apply(t, s, pos, quiet(8, 3)) },
		func(pos chat.Position) { apply(t, s, pos, ended(7, 4), quiet(9, 1)) },
		func(chat.Position) {
			_, err := s.PutSettings(ctx, 1, 8, timeline.Patch{Muted: on(true)})
			assert.NoError(t, "settings", err)
		},
	} {
		do(chat.Position(i + 1))
		end, err := s.End(ctx, 1)
		assert.NoError(t, "end", err)
		assert.True(t, fmt.Sprintf("change %d shows: %v", i, end), !seen[end])
		assert.Equal(t, "the rows end there", rowsOf(t, s, 1).End, end)
		seen[end] = true
	}
	before := rowsOf(t, s, 1)
	apply(t, s, 9, quiet(8, 9)) // a member already: only the seq is newer
	after := rowsOf(t, s, 1)
	assert.Equal(t, "end", after.End, before.End)
	after.Rows[slices.IndexFunc(after.Rows, func(r timeline.Row) bool { return r.Conversation == 8 })].Seq = 3
	assert.Equal(t, "rows, but for a seq", after, before)
}

// timelineSpare: what a device was told of has a newer row after every change that comes then, whatever the store spares.
func timelineSpare(t *testing.T, s TimelineStore) {
	apply(t, s, 1, entered(1, 7, 1), entered(1, 8, 1))
	spare := func(id chat.ConversationID) timeline.Change {
		return timeline.Change{User: 1, Conversation: id, Spare: true}
	}
	pos := chat.Position(1)
	for round := range 4 {
		var given timeline.PTS
		if round%2 == 0 {
			given = rowsOf(t, s, 1).Last
		} else {
			end, err := s.End(context.Background(), 1)
			assert.NoError(t, "end", err)
			given = end.Last
		}
		for _, changes := range [][]timeline.Change{{spare(8)}, {spare(7), spare(8)}, {spare(7)}} {
			pos++
			apply(t, s, pos, changes...)
		}
		for _, r := range rowsOf(t, s, 1).Rows {
			assert.True(t, fmt.Sprintf("row %d has pts %d after %d was given out", r.Conversation, r.PTS, given), r.PTS > given)
		}
		s = s.Crash(t)
	}
}
