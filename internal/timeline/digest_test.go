package timeline_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/store/pebble"
	"github.com/throng-im/throng/internal/timeline"
)

// behind is a store whose follower writes nothing while the gate is shut.
type behind struct {
	timeline.Store

	gate sync.RWMutex
}

func (b *behind) Apply(ctx context.Context, changes []timeline.Change, pos chat.Position) ([]timeline.PTS, error) {
	b.gate.RLock()
	defer b.gate.RUnlock()
	return b.Store.Apply(ctx, changes, pos)
}

// I6: the timelines do not know yet that a user was removed, and what is remembered of the digest does not either.
func TestDigestOfOneWhoWasRemoved(t *testing.T) {
	t.Parallel()
	for _, ring := range []bool{false, true} {
		t.Run(fmt.Sprintf("ring=%v", ring), func(t *testing.T) {
			t.Parallel()
			w := open(t, 3)
			w.halt()
			w.ring = ring
			store, rows := w.reopen()
			late := &behind{Store: rows}
			w.run(store, late)
			w.group(1, 10, 20, 30, 40)
			w.group(2, 10, 20)
			w.say(2, 10, "small")
			w.follower.Settle(context.Background())
			var d timeline.Digest
			for range 3 {
				var err error
				d, err = w.service.Digest(context.Background(), 20)
				assert.NoError(t, "digest", err)
				assert.Equal(t, "heads", len(d.Heads), 1)
			}
			late.gate.Lock()
			w.members(1, 10, chat.MemberRemoved, 20)
			w.say(1, 10, "not for 20")
			got, err := w.service.Digest(context.Background(), 20)
			late.gate.Unlock()
			assert.NoError(t, "digest", err)
			assert.Equal(t, "heads", len(got.Heads), 0)
			assert.Equal(t, "total", got.TotalUnread, d.TotalUnread)
		})
	}
}

// touched counts what is read, in conversations.
type touched struct {
	timeline.Store
	timeline.Logs

	rows, parts, entries, members atomic.Int64
}

func (c *touched) Rows(ctx context.Context, user chat.UserID) (timeline.Rows, error) {
	r, err := c.Store.Rows(ctx, user)
	c.rows.Add(int64(len(r.Rows)))
	return r, err
}

func (c *touched) Parts(ctx context.Context, user chat.UserID, ids []chat.ConversationID) ([]timeline.Part, error) {
	c.parts.Add(int64(len(ids)))
	return c.Logs.Parts(ctx, user, ids)
}

func (c *touched) Newest(ctx context.Context, wants []timeline.Want) ([][]chat.Entry, error) {
	out, err := c.Logs.Newest(ctx, wants)
	for i := range out {
		c.entries.Add(int64(len(out[i])))
	}
	return out, err
}

func (c *touched) Members(ctx context.Context, id chat.ConversationID, after chat.UserID, limit int) ([]chat.UserID, error) {
	users, err := c.Logs.Members(ctx, id, after, limit)
	c.members.Add(int64(len(users)))
	return users, err
}

// take returns the counts since it was last called.
func (c *touched) take() (out [4]int64) {
	for i, n := range []*atomic.Int64{&c.rows, &c.parts, &c.entries, &c.members} {
		out[i] = n.Swap(0)
	}
	return out
}

// What one member of a large group costs does not depend on how many there are: its heartbeat, its sync, its list, its joining.
func TestOneOfManyCostsWhatOneOfFewDoes(t *testing.T) {
	t.Parallel()
	const messages = 60
	costs := func(members int) (out []string) {
		w := open(t, 3)
		w.halt()
		store, rows := w.reopen()
		count := &touched{Store: rows, Logs: store.TimelineLogs()}
		w.run(store, count)
		service := timeline.New(w.cfg, count, count, w.follower)
		ctx := context.Background()
		step := func(what string, do func() error) {
			w.follower.Settle(ctx)
			count.take()
			assert.NoError(t, what, do())
			out = append(out, fmt.Sprintf("%s: %v", what, count.take()))
		}
		const u, newcomer = chat.UserID(2), chat.UserID(1 << 40)
		w.group(1, 1, 2, 3, 4)
		for next := 5; next <= members; next += chat.MaxMembersAtOnce {
			var users []chat.UserID
			for i := next; i < next+chat.MaxMembersAtOnce && i <= members; i++ {
				users = append(users, chat.UserID(i))
			}
			w.members(1, 1, chat.MemberAdded, users...)
		}
		for range messages {
			w.say(1, 1, "x")
		}
		var cursor timeline.Cursor
		step("first sync", func() error {
			c, err := service.Sync(ctx, u, timeline.Query{Entries: 50})
			cursor = c.Cursor
			return err
		})
		for _, when := range []string{"heartbeat", "heartbeat again"} {
			step(when, func() error { _, err := service.Digest(ctx, u); return err })
		}
		w.say(1, 1, "news")
		step("heartbeat with news", func() error { _, err := service.Digest(ctx, u); return err })
		step("sync", func() error {
			_, err := service.Sync(ctx, u, timeline.Query{Cursor: &cursor, Entries: 50})
			return err
		})
		step("list", func() error { _, err := service.List(ctx, u, timeline.ListQuery{}); return err })
		step("join", func() error {
			w.members(1, 1, chat.MemberAdded, newcomer)
			w.follower.Settle(ctx)
			return nil
		})
		step("first sync after it", func() error { _, err := service.Sync(ctx, newcomer, timeline.Query{Entries: 50}); return err })
		step("leave", func() error {
			w.members(1, newcomer, chat.MemberLeft, newcomer)
			w.follower.Settle(ctx)
			return nil
		})
		return out
	}
	few, many := costs(8), costs(20_000)
	for i := range few {
		assert.Equal(t, "what 20,000 cost, in rows, parts, entries and members", many[i], few[i])
	}
	assert.Equal(t, "a heartbeat looks at the larger conversations alone", few[2], "heartbeat again: [0 1 0 0]")
	assert.Equal(t, "a join lists nobody", few[6], "join: [0 0 0 0]")
	t.Log(few)
}

// SYNC-22: the digest names no head that a crash could take back, though the entry is in the log already and its sync is not over; once
// the sync is over, it names no older one than there was when it was asked for.
func TestWhatADigestTellsIsDurable(t *testing.T) {
	t.Parallel()
	for _, ring := range []bool{false, true} {
		t.Run(fmt.Sprintf("ring=%v", ring), func(t *testing.T) {
			t.Parallel()
			w := open(t, 3)
			w.group(1, 10, 20, 30, 40)
			w.say(1, 10, "durable")
			w.halt()
			var disk sync.RWMutex // held: no sync ends
			w.ring = ring
			w.disk = errorfs.Wrap(w.fs, errorfs.InjectorFunc(func(op errorfs.Op) error {
				if op.Kind == errorfs.OpFileSync || op.Kind == errorfs.OpFileSyncData || op.Kind == errorfs.OpFileSyncTo {
					disk.RLock()
					defer disk.RUnlock()
				}
				return nil
			}))
			w.start()
			w.follower.Settle(context.Background())
			head := func() (seq chat.Seq) {
				d, err := w.service.Digest(context.Background(), 20)
				if err != nil || len(d.Heads) != 1 {
					t.Errorf("digest: %d heads, %v", len(d.Heads), err)
					return 0
				}
				return d.Heads[0].Seq
			}
			for _, warm := range []bool{false, true} { // with nothing remembered, and with everything
				before := head()
				if !warm {
					w.halt()
					w.start()
					w.follower.Settle(context.Background())
				}
				disk.Lock()
				applied, err := w.store.Append(context.Background(), []*chat.Draft{{Conversation: 1, Sender: 10, ClientID: chat.ClientID{2, byte(before)}, Body: chat.Text{Text: "at risk"}}})
				assert.NoError(t, "append", err)
				got := make(chan [2]chat.Seq, 1) // what is told, and what a crash leaves
				go func() {
					seq := head()
					got <- [2]chat.Seq{seq, headAfterCrash(t, w, w.fs.CrashClone(vfs.CrashCloneCfg{}))}
				}()
				var seqs [2]chat.Seq
				select {
				case seqs = <-got:
					disk.Unlock()
				case <-time.After(50 * time.Millisecond): // it waits for the disk
					disk.Unlock()
					seqs = <-got
				}
				assert.True(t, "what is told outlives a crash", seqs[0] <= seqs[1])
				assert.NoError(t, "the append", applied.Wait(context.Background()))
				assert.Equal(t, "told afterwards", head(), before+1)
			}
		})
	}
}

// headAfterCrash is the head of conversation 1 that a disk has; 0 where it has none.
func headAfterCrash(t *testing.T, w *world, disk vfs.FS) chat.Seq {
	store, err := pebble.Open("data", pebble.Options{FS: disk, Rules: w.rules, Fatal: func(error) {}})
	if err != nil {
		t.Errorf("opening: %v", err)
		return 0
	}
	defer func() { _ = store.Close() }()
	heads, err := store.Heads(context.Background(), []chat.ConversationID{1})
	if err != nil || len(heads) != 1 {
		t.Errorf("%d heads, %v", len(heads), err)
		return 0
	}
	return heads[0].Seq
}
