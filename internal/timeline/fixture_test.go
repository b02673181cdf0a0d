package timeline_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/message"
	"github.com/throng-im/throng/internal/store/pebble"
	"github.com/throng-im/throng/internal/timeline"
)

// world is a store with a running follower and a service on it.
type world struct {
	t        testing.TB
	fs       *vfs.MemFS
	disk     vfs.FS // instead of fs
	cfg      timeline.Config
	rules    message.Rules
	store    *pebble.Store
	rows     timeline.Store
	follower *timeline.Follower
	service  *timeline.Service
	ring     bool // digests look at larger conversations in the ring of recent entries, as in a server
	halt     func()
	clientID uint64
}

// open starts a world on an empty store. Conversations above small members leave the small tier.
func open(t testing.TB, small uint32) *world {
	t.Helper()
	cfg := timeline.Default()
	cfg.Stretch = 0
	cfg.Answer = 10 * time.Second // what devices are told is compared at once, on machines of any speed
	w := &world{
		t: t, cfg: cfg, fs: vfs.NewCrashableMem(),
		rules: message.Rules{SmallMembers: small, MediumMembers: max(10_000, small)},
	}
	w.start()
	t.Cleanup(func() { w.halt() })
	return w
}

func (w *world) start() {
	w.t.Helper()
	store, rows := w.reopen()
	w.run(store, rows)
}

// reopen opens the store again, without anybody on it.
func (w *world) reopen() (*pebble.Store, *pebble.Timelines) {
	w.t.Helper()
	fs := w.disk
	if fs == nil {
		fs = w.fs
	}
	store, err := pebble.Open("data", pebble.Options{FS: fs, Rules: w.rules, Fatal: func(error) {}})
	assert.NoError(w.t, "opening", err)
	rows, err := store.Timelines()
	assert.NoError(w.t, "timelines", err)
	return store, rows
}

// run starts a follower and a service until halt.
func (w *world) run(store *pebble.Store, rows timeline.Store) {
	w.store, w.rows = store, rows
	follower := timeline.NewFollower(w.cfg, rows, store.TimelineLogs(), store.TimelineEvents(), slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	options := []timeline.Option{}
	if w.ring {
		messages := message.New(message.DefaultConfig(), store, store, nil, slog.New(slog.DiscardHandler), message.WithRecent(store.RecentEvents()))
		options = append(options, timeline.WithCrowds(ringed{messages}))
		running.Go(func() { _ = messages.Run(ctx) })
	}
	w.follower, w.service = follower, timeline.New(w.cfg, rows, store.TimelineLogs(), follower, options...)
	running.Go(func() {
		if err := follower.Run(ctx); err != nil {
			w.t.Errorf("the follower ended: %v", err)
		}
	})
	w.halt = func() {
		cancel()
		running.Wait()
		if err := store.Close(); err != nil {
			w.t.Errorf("closing: %v", err)
		}
	}
}

// ringed is the [timeline.Crowds] of a server.
type ringed struct{ *message.Service }

func (r ringed) Parts(ctx context.Context, user chat.UserID, ids []chat.ConversationID) ([]timeline.Part, error) {
	all, err := r.Standings(ctx, user, ids)
	out := make([]timeline.Part, len(all))
	for i, s := range all {
		out[i] = timeline.Part{Head: s.Head, Member: s.Part.Member, Read: s.Part.Read}
	}
	return out, err
}

// crash cuts the power: what was not synced is lost in part, as rng says.
func (w *world) crash(rng *rand.Rand) {
	w.t.Helper()
	clone := w.fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: rng.IntN(101), RNG: rng})
	w.halt()
	w.fs = clone
	w.start()
}

// append writes one draft and waits until it is durable.
func (w *world) append(d *chat.Draft) chat.Result {
	w.t.Helper()
	r, err := w.try(d)
	assert.NoError(w.t, fmt.Sprintf("append of %T", d.Body), err)
	return r
}

func (w *world) try(d *chat.Draft) (chat.Result, error) {
	ctx := context.Background()
	applied, err := w.store.Append(ctx, []*chat.Draft{d})
	if err != nil {
		return chat.Result{}, fmt.Errorf("append: %w", err)
	}
	if err := applied.Wait(ctx); err != nil {
		return chat.Result{}, fmt.Errorf("wait: %w", err)
	}
	r := applied.Results()[0]
	if r.Err != nil {
		return r, r.Err
	}
	return r, nil
}

// batch writes drafts in one append.
func (w *world) batch(drafts []*chat.Draft) {
	w.t.Helper()
	ctx := context.Background()
	for len(drafts) > 0 {
		part := drafts[:min(len(drafts), 1_000)]
		drafts = drafts[len(part):]
		applied, err := w.store.Append(ctx, part)
		assert.NoError(w.t, "append", err)
		assert.NoError(w.t, "wait", applied.Wait(ctx))
		for _, r := range applied.Results() {
			assert.True(w.t, "accepted", r.Err == nil)
		}
	}
}

func (w *world) group(id chat.ConversationID, members ...chat.UserID) {
	w.t.Helper()
	w.append(&chat.Draft{Conversation: id, Sender: members[0], Body: chat.Created{Kind: chat.KindGroup, Name: "g", Members: members}})
}

func (w *world) say(id chat.ConversationID, sender chat.UserID, text string) chat.Result {
	w.t.Helper()
	w.clientID++
	var c chat.ClientID
	c[0] = 1
	for i := range 8 {
		c[15-i] = byte(w.clientID >> (8 * i))
	}
	return w.append(&chat.Draft{Conversation: id, Sender: sender, ClientID: c, Body: chat.Text{Text: text}})
}

func (w *world) read(id chat.ConversationID, user chat.UserID, seq chat.Seq) {
	w.t.Helper()
	w.append(&chat.Draft{Conversation: id, Sender: user, Mark: seq})
}

func (w *world) members(id chat.ConversationID, actor chat.UserID, what chat.MemberAction, users ...chat.UserID) chat.Result {
	w.t.Helper()
	return w.append(&chat.Draft{Conversation: id, Sender: actor, Body: chat.MembersChanged{Action: what, Users: users}})
}

func (w *world) sync(user chat.UserID, q timeline.Query) timeline.Changes {
	w.t.Helper()
	c, err := w.service.Sync(context.Background(), user, q)
	assert.NoError(w.t, "sync", err)
	return c
}

// all syncs from a cursor to the end.
func (w *world) all(user chat.UserID, cursor *timeline.Cursor) timeline.Changes {
	w.t.Helper()
	out := w.sync(user, timeline.Query{Cursor: cursor, Entries: 50})
	for out.More {
		next := w.sync(user, timeline.Query{Cursor: &out.Cursor, Entries: 50})
		out.Views = append(out.Views, next.Views...)
		out.Cursor, out.More, out.TotalUnread = next.Cursor, next.More, next.TotalUnread
	}
	return out
}

// last is the user's newest pts.
func (w *world) last(user chat.UserID) timeline.PTS {
	w.t.Helper()
	w.follower.Settle(context.Background())
	rows, err := w.rows.Rows(context.Background(), user)
	assert.NoError(w.t, "rows", err)
	return rows.Last
}

func ids(views []timeline.View) []chat.ConversationID {
	out := make([]chat.ConversationID, len(views))
	for i, v := range views {
		out[i] = v.Head.Conversation
	}
	return out
}

func ref[T any](v T) *T { return &v }
