package timeline_test

import (
	"context"
	"testing"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/timeline"
)

// SYNC-7; withheld spans of SYNC-6.
func TestLeavingCapsTheHead(t *testing.T) {
	t.Parallel()
	for _, small := range []uint32{100, 2} {
		w := open(t, small)
		w.group(1, 10, 20, 30)
		w.say(1, 10, "before")
		phone := w.all(20, nil)
		removed := w.members(1, 10, chat.MemberRemoved, 20)
		w.say(1, 10, "after")
		w.append(&chat.Draft{Conversation: 1, Sender: 10, Body: chat.Changed{Name: ref("secret")}})
		delta := w.all(20, &phone.Cursor)
		assert.Equal(t, "changed", ids(delta.Views), []chat.ConversationID{1})
		v := delta.Views[0]
		assert.Equal(t, "role", v.Role, chat.Role(0))
		assert.Equal(t, "head", v.Head.Seq, removed.Seq)
		assert.Equal(t, "unread of one", v.Unread, uint64(1))
		assert.Equal(t, "does not count", delta.TotalUnread, uint64(0))
		assert.Equal(t, "last", v.Last.Seq, removed.Seq)
		assert.Equal(t, "name of then", v.Conversation.Name, "g")
		assert.Equal(t, "number of members of later", v.Head.Members, uint32(0))
		assert.Equal(t, "nothing new", len(w.all(20, &delta.Cursor).Views), 0)
		assert.Equal(t, "a fresh device does not learn of it", len(w.all(20, nil).Views), 0)

		w.members(1, 10, chat.MemberAdded, 20)
		w.say(1, 10, "again")
		back := w.all(20, &delta.Cursor)
		assert.Equal(t, "back", ids(back.Views), []chat.ConversationID{1})
		v = back.Views[0]
		assert.Equal(t, "unread since coming back", v.Unread, uint64(1))
		assert.Equal(t, "withheld", v.Withheld, []chat.Span{{From: removed.Seq + 1, To: removed.Seq + 2}})
		assert.Equal(t, "entries", len(v.Entries), int(v.Head.Seq)-2)
		assert.Equal(t, "name", v.Conversation.Name, "secret")
	}
}

// SYNC-1: medium and large conversations are part of every sync.
func TestLargeConversationsEndEverySync(t *testing.T) {
	t.Parallel()
	w := open(t, 3)
	w.group(1, 10, 20, 30, 40)
	w.group(2, 10, 20)
	first := w.sync(20, timeline.Query{Limit: 1})
	for first.More {
		first = w.sync(20, timeline.Query{Limit: 1, Cursor: &first.Cursor})
	}
	before := w.last(20)
	w.say(1, 10, "large")
	delta := w.sync(20, timeline.Query{Cursor: &first.Cursor})
	assert.Equal(t, "no row", w.last(20), before)
	assert.Equal(t, "views", ids(delta.Views), []chat.ConversationID{1})
	assert.Equal(t, "tier", delta.Views[0].Head.Tier, chat.TierMedium)
	assert.Equal(t, "unread", delta.TotalUnread, uint64(1))
	subs, err := w.service.Subscriptions(context.Background(), 20)
	assert.NoError(t, "subscriptions", err)
	assert.Equal(t, "subscriptions", subs, []timeline.Subscription{{Conversation: 1, Tier: chat.TierMedium, From: 1, MemberSeq: 1}})
	d, err := w.service.Digest(context.Background(), 20)
	assert.NoError(t, "digest", err)
	assert.Equal(t, "digest", len(d.Heads), 1)
	assert.Equal(t, "digest total", d.TotalUnread, uint64(1))
	w.say(1, 10, "more")
	e, err := w.service.Digest(context.Background(), 20)
	assert.NoError(t, "digest", err)
	assert.True(t, "the hash tells", e.Hash != d.Hash && e.Hash != 0)
}

// Subscriptions are by what the log says of a membership: who left has none, and who is back has one from there on.
func TestSubscriptionsAreMemberships(t *testing.T) {
	t.Parallel()
	w := open(t, 3)
	w.group(1, 10, 20, 30, 40, 50, 60)
	subscribed := func(what string, want ...timeline.Subscription) {
		t.Helper()
		got, err := w.service.Subscriptions(t.Context(), 20)
		assert.NoError(t, what, err)
		assert.Equal(t, what, got, want)
	}
	subscribed("a member", timeline.Subscription{Conversation: 1, Tier: chat.TierMedium, From: 1, MemberSeq: 1})
	w.say(1, 10, "no change of members")
	other := w.members(1, 10, chat.MemberRemoved, 60)
	subscribed("another one left", timeline.Subscription{Conversation: 1, Tier: chat.TierMedium, From: 1, MemberSeq: other.Seq})
	w.members(1, 10, chat.MemberRemoved, 20)
	subscribed("who left")
	back := w.members(1, 10, chat.MemberAdded, 20)
	w.say(1, 10, "after it")
	subscribed("who is back", timeline.Subscription{Conversation: 1, Tier: chat.TierMedium, From: back.Seq, MemberSeq: back.Seq})
}

// A conversation grows out of the small tier and shrinks back, with devices whose cursors stand anywhere between.
func TestTierSwitch(t *testing.T) {
	t.Parallel()
	w := open(t, 10)
	w.group(1, 1, 2, 3)
	cursors := map[string]timeline.Cursor{"small": w.all(2, nil).Cursor}
	for u := chat.UserID(4); u <= 12; u++ {
		w.members(1, 1, chat.MemberAdded, u)
	}
	cursors["grown"] = w.all(2, nil).Cursor
	w.say(1, 1, "while it is large")
	cursors["large"] = w.all(2, nil).Cursor
	w.say(1, 1, "no cursor was given out after this")
	for u := chat.UserID(12); u >= 6; u-- {
		w.members(1, 1, chat.MemberRemoved, u)
	}
	head := w.say(1, 1, "small again")
	for when, c := range cursors {
		got := w.all(2, &c)
		assert.Equal(t, when, ids(got.Views), []chat.ConversationID{1})
		assert.Equal(t, when, got.Views[0].Head.Seq, head.Seq)
		assert.Equal(t, when, got.Views[0].Head.Tier, chat.TierSmall)
		assert.Equal(t, when, got.TotalUnread, uint64(3))
	}
	// One who came while it was large, and never was in an order of changes.
	assert.Equal(t, "newcomer", ids(w.all(5, nil).Views), []chat.ConversationID{1})
}

func TestSettings(t *testing.T) {
	t.Parallel()
	w := open(t, 100)
	ctx := context.Background()
	w.group(1, 10, 20)
	w.group(2, 10, 20)
	r := w.say(1, 10, "one")
	w.say(2, 10, "two")
	phone := w.all(20, nil)
	set := func(p timeline.SettingsPatch) chat.Settings {
		s, err := w.service.Settings(ctx, 20, 1, p)
		assert.NoError(t, "settings", err)
		return s
	}
	set(timeline.SettingsPatch{Muted: ref(true), Draft: ref("almost")})
	s := set(timeline.SettingsPatch{Pinned: ref(true), MarkedUnread: ref(true)})
	assert.Equal(t, "patched", s, chat.Settings{Pinned: true, Muted: true, MarkedUnread: true, Draft: "almost"})
	delta := w.all(20, &phone.Cursor)
	assert.Equal(t, "changed", ids(delta.Views), []chat.ConversationID{1})
	assert.Equal(t, "settings", delta.Views[0].Settings, s)
	assert.Equal(t, "muted does not count", delta.TotalUnread, uint64(1))
	w.say(1, 10, "settings survive this")
	v, err := w.service.View(ctx, 20, 1)
	assert.NoError(t, "view", err)
	assert.Equal(t, "settings", v.Settings, s)
	assert.Equal(t, "unread is shown all the same", v.Unread, uint64(2))
	w.read(1, 20, r.Seq)
	v, err = w.service.View(ctx, 20, 1)
	assert.NoError(t, "view", err)
	assert.True(t, "reading on ends the mark", !v.Settings.MarkedUnread && v.Settings.Pinned)
	set(timeline.SettingsPatch{MarkedUnread: ref(true)})
	assert.True(t, "and it can be set again", set(timeline.SettingsPatch{Pinned: ref(false)}).MarkedUnread)
}

func TestList(t *testing.T) {
	t.Parallel()
	w := open(t, 3)
	ctx := context.Background()
	for id := chat.ConversationID(1); id <= 6; id++ {
		if id == 4 {
			w.group(id, 10, 20, 30, 40) // medium
		} else {
			w.group(id, 10, 20)
		}
	}
	put := func(id chat.ConversationID, p timeline.SettingsPatch) {
		_, err := w.service.Settings(ctx, 20, id, p)
		assert.NoError(t, "settings", err)
	}
	put(2, timeline.SettingsPatch{Pinned: ref(true)})
	put(5, timeline.SettingsPatch{Archived: ref(true)})
	w.members(6, 10, chat.MemberRemoved, 20)
	// Times are in milliseconds: what is said last stands first only if its time differs, else the higher id does.
	list := func(archived bool, limit int) (got []chat.ConversationID) {
		q := timeline.ListQuery{Limit: limit, Archived: archived}
		for {
			page, err := w.service.List(ctx, 20, q)
			assert.NoError(t, "list", err)
			assert.True(t, "limit", len(page.Views) <= limit)
			got = append(got, ids(page.Views)...)
			if q.Token = page.Next; q.Token == "" {
				return got
			}
		}
	}
	whole := list(false, 200)
	assert.Equal(t, "conversations", len(whole), 4)
	assert.Equal(t, "pinned first", whole[0], chat.ConversationID(2))
	assert.Equal(t, "by pages", list(false, 1), whole)
	assert.Equal(t, "archived apart", list(true, 200), []chat.ConversationID{5})
	page, err := w.service.List(ctx, 20, timeline.ListQuery{Limit: 1})
	assert.NoError(t, "list", err)
	for what, q := range map[string]timeline.ListQuery{
		"another list": {Token: page.Next, Archived: true},
		"changed":      {Token: "B" + page.Next[1:]},
		"cut":          {Token: page.Next[1:]},
	} {
		_, err = w.service.List(ctx, 20, q)
		assert.ErrorIs(t, what, err, &chat.Error{Reason: chat.ReasonPageTokenInvalid})
	}
	_, err = w.service.List(ctx, 10, timeline.ListQuery{Token: page.Next})
	assert.ErrorIs(t, "another user", err, &chat.Error{Reason: chat.ReasonPageTokenInvalid})
}
