package timeline_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/timeline"
)

// SYNC-1, SYNC-6.
func TestSyncFreshAndAfterwards(t *testing.T) {
	t.Parallel()
	w := open(t, 100)
	w.group(2, 10, 20)
	w.group(1, 10, 20)
	w.say(1, 10, "one")
	w.say(1, 10, "two")

	first := w.sync(20, timeline.Query{Entries: 20})
	assert.Equal(t, "reset", first.Reset, false)
	assert.Equal(t, "conversations", ids(first.Views), []chat.ConversationID{2, 1})
	assert.Equal(t, "total", first.TotalUnread, uint64(2))
	v := first.Views[1]
	assert.Equal(t, "unread", v.Unread, uint64(2))
	assert.Equal(t, "entries", len(v.Entries), 3)
	assert.Equal(t, "last", v.Last.Body, chat.Body(chat.Text{Text: "two"}))
	assert.Equal(t, "client id of another", v.Last.ClientID, chat.ClientID{})
	assert.Equal(t, "role", v.Role, chat.RoleMember)

	again := w.sync(20, timeline.Query{Cursor: &first.Cursor})
	assert.Equal(t, "unchanged", len(again.Views), 0)
	assert.Equal(t, "total stays", again.TotalUnread, uint64(2))
	assert.Equal(t, "cursor stays", again.Cursor, first.Cursor)

	w.say(2, 10, "three")
	delta := w.sync(20, timeline.Query{Cursor: &first.Cursor})
	assert.Equal(t, "changed", ids(delta.Views), []chat.ConversationID{2})
	assert.Equal(t, "no entries asked for", len(delta.Views[0].Entries), 0)
	assert.Equal(t, "last all the same", delta.Views[0].Last.Body, chat.Body(chat.Text{Text: "three"}))
	assert.Equal(t, "new total", delta.TotalUnread, uint64(3))
	own := w.sync(10, timeline.Query{})
	assert.Equal(t, "own sends never count", own.TotalUnread, uint64(0))
}

func TestReadingElsewhereIsAChange(t *testing.T) {
	t.Parallel()
	w := open(t, 100)
	w.group(1, 10, 20)
	r := w.say(1, 10, "one")
	phone := w.sync(20, timeline.Query{})
	assert.Equal(t, "unread", phone.TotalUnread, uint64(1))
	w.read(1, 20, r.Seq)
	delta := w.sync(20, timeline.Query{Cursor: &phone.Cursor})
	assert.Equal(t, "changed", ids(delta.Views), []chat.ConversationID{1})
	assert.Equal(t, "read", delta.Views[0].Read, chat.Read{Seq: r.Seq, Ordinal: r.Ordinal})
	assert.Equal(t, "unread", delta.TotalUnread, uint64(0))
	sender := w.sync(10, timeline.Query{})
	w.say(1, 10, "two")
	sender = w.sync(10, timeline.Query{Cursor: &sender.Cursor})
	w.read(1, 20, r.Seq+1)
	assert.Equal(t, "others do not see it", w.last(10), sender.Cursor.PTS)
}

func TestCoalescing(t *testing.T) {
	t.Parallel()
	w := open(t, 100)
	w.group(1, 10, 20)
	w.say(1, 10, "wakes the follower")
	start := w.last(20)
	for i := range 50 {
		w.say(1, 10, fmt.Sprint(i))
		w.follower.Settle(context.Background())
	}
	assert.Equal(t, "rows of one who never syncs", w.last(20), start)
	c := w.sync(20, timeline.Query{})
	for i := range 50 {
		w.say(1, 10, fmt.Sprint(i))
		w.follower.Settle(context.Background())
	}
	assert.Equal(t, "rows after a cursor was given out", w.last(20), start+1)
	d, err := w.service.Digest(context.Background(), 20)
	assert.NoError(t, "digest", err)
	assert.True(t, "the digest shows that there is more", d.Cursor.PTS > c.Cursor.PTS)
	w.say(1, 10, "after the digest")
	assert.Equal(t, "a digest's cursor counts as given out", w.last(20), start+2)
}

func TestReset(t *testing.T) {
	t.Parallel()
	w := open(t, 100)
	w.group(1, 10, 20)
	w.group(2, 10, 20)
	w.members(2, 10, chat.MemberRemoved, 20)
	good := w.sync(20, timeline.Query{}).Cursor
	for name, c := range map[string]timeline.Cursor{
		"another epoch":      {Epoch: good.Epoch + 1, Generation: good.Generation, PTS: good.PTS},
		"no epoch":           {Generation: good.Generation, PTS: good.PTS},
		"another generation": {Epoch: good.Epoch, Generation: good.Generation + 1, PTS: good.PTS},
		"beyond the last":    {Epoch: good.Epoch, Generation: good.Generation, PTS: good.PTS + 1},
		"far beyond":         {Epoch: good.Epoch, Generation: good.Generation, PTS: 1<<64 - 1},
	} {
		t.Run(name, func(t *testing.T) {
			got := w.sync(20, timeline.Query{Cursor: &c})
			assert.True(t, "reset", got.Reset)
			assert.Equal(t, "all current ones", ids(got.Views), []chat.ConversationID{1})
			assert.Equal(t, "cursor", got.Cursor, good)
		})
	}
	zero := w.sync(20, timeline.Query{Cursor: &timeline.Cursor{Epoch: good.Epoch, Generation: good.Generation}})
	assert.True(t, "the beginning is a place too", !zero.Reset)
}

// SYNC-1: in the order of change, over pages.
func TestPages(t *testing.T) {
	t.Parallel()
	w := open(t, 100)
	const n = 25
	for i := range n {
		w.group(chat.ConversationID(i+1), 10, 20)
	}
	var got []chat.ConversationID
	q := timeline.Query{Limit: 10}
	for pages := 1; ; pages++ {
		c := w.sync(20, q)
		got = append(got, ids(c.Views)...)
		assert.Equal(t, "more", c.More, pages < 3)
		if !c.More {
			break
		}
		q.Cursor = &c.Cursor
	}
	assert.Equal(t, "conversations", len(got), n)
	for i, id := range got {
		assert.Equal(t, "order of change", id, chat.ConversationID(i+1))
	}
}

func TestPageEndsAtItsBudget(t *testing.T) {
	t.Parallel()
	w := open(t, 100)
	w.halt()
	w.cfg.PageBytes = 3_000
	w.start()
	text := make([]byte, 1_000)
	for i := range text {
		text[i] = 'x'
	}
	for i := range 8 {
		w.group(chat.ConversationID(i+1), 10, 20)
		w.say(chat.ConversationID(i+1), 10, string(text))
	}
	c := w.sync(20, timeline.Query{})
	assert.True(t, "more", c.More && len(c.Views) >= 1 && len(c.Views) < 4)
	assert.Equal(t, "in the end", len(w.all(20, nil).Views), 8)
}

func TestBadQueries(t *testing.T) {
	t.Parallel()
	w := open(t, 100)
	ctx := context.Background()
	want := func(what string, err error, reason chat.Reason) {
		t.Helper()
		assert.ErrorIs(t, what, err, &chat.Error{Reason: reason})
	}
	for _, q := range []timeline.Query{{Limit: -1}, {Entries: -1}} {
		_, err := w.service.Sync(ctx, 10, q)
		want(fmt.Sprintf("%+v", q), err, chat.ReasonRangeInvalid)
	}
	_, err := w.service.Sync(ctx, 0, timeline.Query{})
	want("nobody", err, chat.ReasonIDInvalid)
	_, err = w.service.List(ctx, 10, timeline.ListQuery{Limit: -1})
	want("list", err, chat.ReasonRangeInvalid)
	_, err = w.service.List(ctx, 10, timeline.ListQuery{Limit: 1e9})
	assert.NoError(t, "what is above a bound is taken as the bound", err)
	_, err = w.service.Sync(ctx, 10, timeline.Query{Limit: 1e9, Entries: 1e9})
	assert.NoError(t, "what is above a bound is taken as the bound", err)
	for _, token := range []string{"x", "AAAA", "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "!", "AQ=="} {
		_, err = w.service.List(ctx, 10, timeline.ListQuery{Token: token})
		want(token, err, chat.ReasonPageTokenInvalid)
	}
	_, err = w.service.View(ctx, 10, 77)
	want("unknown", err, chat.ReasonConversationNotFound)
	w.group(1, 20, 30)
	_, err = w.service.View(ctx, 10, 1)
	want("stranger", err, chat.ReasonConversationNotFound)
	_, err = w.service.Settings(ctx, 10, 1, timeline.SettingsPatch{Pinned: ref(true)})
	want("stranger's settings", err, chat.ReasonConversationNotFound)
	_, err = w.service.Settings(ctx, 20, 1, timeline.SettingsPatch{})
	want("nothing", err, chat.ReasonFieldInvalid)
	_, err = w.service.Settings(ctx, 20, 1, timeline.SettingsPatch{Draft: ref(string(make([]byte, chat.MaxDraftBytes+1)))})
	want("long draft", err, chat.ReasonFieldTooLarge)
	_, err = w.service.Settings(ctx, 20, 1, timeline.SettingsPatch{Draft: ref("\xff")})
	want("draft", err, chat.ReasonFieldInvalid)
}
