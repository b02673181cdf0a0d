package timeline_test

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/store/pebble"
	"github.com/throng-im/throng/internal/timeline"
)

// sick is timelines whose Apply fails for a while, before or after it did what it should.
type sick struct {
	*pebble.Timelines
	fails atomic.Int64
	err   error
}

func (s *sick) Apply(ctx context.Context, changes []timeline.Change, pos chat.Position) ([]timeline.PTS, error) {
	n := s.fails.Add(-1)
	if n >= 0 && n%2 == 0 {
		return nil, s.err
	}
	given, err := s.Timelines.Apply(ctx, changes, pos)
	if n >= 0 {
		return nil, s.err
	}
	return given, err
}

func TestFollowerOutlivesAFullDisk(t *testing.T) {
	t.Parallel()
	w := open(t, 100)
	w.group(1, 10, 20)
	w.halt()
	store, rows := w.reopen()
	full := chat.Errorf(chat.CodeUnavailable, chat.ReasonStorageFull, "full")
	s := &sick{Timelines: rows, err: full}
	s.fails.Store(4)
	w.run(store, s)
	w.say(1, 10, "one")
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	assert.NoError(t, "passed in the end", w.follower.Passed(ctx, store.Tail()))
	assert.True(t, "and it did fail", s.fails.Load() < 0)
	assert.Equal(t, "unread", w.all(20, nil).TotalUnread, uint64(1))
	cursor := w.all(20, nil).Cursor
	w.say(1, 10, "two")
	assert.Equal(t, "unread", w.all(20, &cursor).TotalUnread, uint64(2))
}

func TestFollowerEndsWhereRowsAreDamaged(t *testing.T) {
	t.Parallel()
	w := open(t, 100)
	w.halt()
	store, rows := w.reopen()
	s := &sick{Timelines: rows, err: chat.Errorf(chat.CodeInternal, chat.ReasonInternal, "damaged")}
	s.fails.Store(100)
	f := timeline.NewFollower(w.cfg, s, store.TimelineLogs(), store.TimelineEvents(), slog.New(slog.DiscardHandler))
	done := make(chan error, 1)
	go func() { done <- f.Run(context.Background()) }() // ends by its error
	w.store = store
	w.group(1, 10, 20)
	assert.ErrorIs(t, "the follower", <-done, s.err)
	w.halt = func() { assert.NoError(t, "closing", store.Close()) }
}

// Who came or went is told of it when the rows show it, and not before; a message moves nobody.
func TestFollowerTellsWhoMoved(t *testing.T) {
	t.Parallel()
	w := open(t, 100)
	w.halt()
	store, rows := w.reopen()
	w.store, w.rows = store, rows
	told := make(chan []chat.UserID, 16)
	f := timeline.NewFollower(w.cfg, rows, store.TimelineLogs(), store.TimelineEvents(), slog.New(slog.DiscardHandler),
		timeline.WithMoved(func(ctx context.Context, users []chat.UserID) {
			for _, u := range users {
				_, ok, err := rows.Row(ctx, u, 1)
				assert.NoError(t, "row", err)
				assert.True(t, "the row is there", ok)
			}
			told <- users
		}))
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- f.Run(ctx) }()
	w.halt = func() { cancel(); assert.NoError(t, "follower", <-ended); assert.NoError(t, "closing", store.Close()) }
	w.group(1, 10, 20)
	assert.Equal(t, "who came", <-told, []chat.UserID{10, 20})
	before, err := timeline.New(w.cfg, rows, store.TimelineLogs(), f).Sync(context.Background(), 20, timeline.Query{})
	assert.NoError(t, "sync", err) // so that the next change is not spared
	w.say(1, 10, "hello")
	assert.True(t, "it has passed", f.Settle(context.Background()))
	row, _, err := rows.Row(context.Background(), 20, 1)
	assert.NoError(t, "row", err)
	assert.True(t, "the message was a change", row.PTS > before.Cursor.PTS)
	assert.Equal(t, "told of a message", len(told), 0)
}

func TestSettleIsBounded(t *testing.T) {
	t.Parallel()
	w := open(t, 100)
	w.halt()
	w.cfg.Settle = time.Millisecond
	store, rows := w.reopen()
	w.store = store
	w.halt = func() { assert.NoError(t, "closing", store.Close()) }
	f := timeline.NewFollower(w.cfg, rows, store.TimelineLogs(), store.TimelineEvents(), slog.New(slog.DiscardHandler))
	w.group(1, 10, 20)
	assert.True(t, "nobody runs", !f.Settle(context.Background()))
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	assert.True(t, "cancelled", errors.Is(f.Passed(ctx, store.Tail()), context.Canceled))
	w.service = timeline.New(w.cfg, rows, store.TimelineLogs(), f)
	v, err := w.service.View(context.Background(), 20, 1)
	assert.NoError(t, "a view needs no timeline", err)
	assert.Equal(t, "role", v.Role, chat.RoleMember)
	s, err := w.service.Settings(context.Background(), 20, 1, timeline.SettingsPatch{Pinned: ref(true)})
	assert.NoError(t, "nor do settings", err)
	assert.True(t, "pinned", s.Pinned)
}
