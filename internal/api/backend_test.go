package api_test

import (
	"testing"
	"time"

	"github.com/throng-im/throng/internal/account"
	"github.com/throng-im/throng/internal/api"
	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/conversation"
	"github.com/throng-im/throng/internal/wire"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// medium makes a group above the small tier and returns it with two of its members.
func (w *world) medium(t *testing.T) (id chat.ConversationID, a, b chat.UserID) {
	t.Helper()
	list := make([]account.NewUser, 150)
	for i := range list {
		client := w.clientID()
		list[i].ExternalID = client.String()
	}
	ids, _, err := w.accounts.CreateUsers(t.Context(), list)
	assert.NoError(t, "making users", err)
	id, err = w.conversations.CreateGroup(t.Context(), ids[0], conversation.NewGroup{ClientID: w.clientID(), Name: "many", Members: ids[1:]})
	assert.NoError(t, "making a group", err)
	return id, ids[0], ids[1]
}

// SYNC-20 and SYNC-21: the digest tells the heads of larger conversations, once, and again when they have moved.
func TestHeartbeat(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	backend := api.NewBackend(w.messages, w.deps.Timelines, nil, func() time.Time { return time.UnixMilli(1_800_000_000_000) })
	id, a, b := w.medium(t)
	// A sync waits for the timeline, a heartbeat does not.
	_, err := backend.Sync(t.Context(), wire.Actor{User: b}, &throngv1.SyncRequest{})
	assert.NoError(t, "sync", err)
	beat := func(digest uint64) *throngv1.HeartbeatResponse {
		r, err := backend.Heartbeat(t.Context(), wire.Actor{User: b}, &throngv1.HeartbeatRequest{Digest: digest})
		assert.NoError(t, "heartbeat", err)
		return r
	}
	first := beat(0)
	assert.Equal(t, "heads", len(first.GetHeads()), 1)
	assert.Equal(t, "head", first.GetHeads()[0].GetSeq(), uint64(1))
	assert.Equal(t, "time", first.GetTimeMs(), uint64(1_800_000_000_000))
	assert.Equal(t, "unchanged heads are left out", len(beat(first.GetDigest()).GetHeads()), 0)

	seq := w.send(t, a, id, "the last one of a quiet conversation").Seq
	second := beat(first.GetDigest())
	assert.Equal(t, "heads that moved", len(second.GetHeads()), 1)
	assert.Equal(t, "to where", second.GetHeads()[0].GetSeq(), uint64(seq))
	assert.Equal(t, "unread", second.GetTotalUnread(), uint64(1))
}

// SYNC-2 and SYNC-3: pages of a sync follow one another to the end, and the last cursor has nothing behind it. SYNC-4: a foreign
// cursor is a reset.
func TestSyncPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	backend := api.NewBackend(w.messages, w.deps.Timelines, nil, time.Now)
	ada := w.person(t, false)
	want := map[uint64]bool{}
	for range 7 {
		id, err := w.conversations.OpenDirect(t.Context(), ada.id, w.person(t, false).id)
		assert.NoError(t, "opening", err)
		want[uint64(id)] = true
	}
	var cursor *throngv1.Cursor
	pages := 0
	for more := true; more; pages++ {
		r, err := backend.Sync(t.Context(), wire.Actor{User: ada.id}, &throngv1.SyncRequest{Cursor: cursor, Limit: 3})
		assert.NoError(t, "sync", err)
		for _, c := range r.GetConversations() {
			delete(want, c.GetId())
		}
		cursor, more = r.GetCursor(), r.GetMore()
		assert.True(t, "it ends", pages < 10)
	}
	assert.Equal(t, "conversations that never came", len(want), 0)
	assert.Equal(t, "pages", pages, 3)
	last, err := backend.Sync(t.Context(), wire.Actor{User: ada.id}, &throngv1.SyncRequest{Cursor: cursor})
	assert.NoError(t, "sync", err)
	assert.Equal(t, "behind the last cursor", len(last.GetConversations()), 0)
	for _, foreign := range []*throngv1.Cursor{
		{Epoch: cursor.GetEpoch() + 1, Generation: cursor.GetGeneration(), Pts: cursor.GetPts()},
		{Epoch: cursor.GetEpoch(), Generation: cursor.GetGeneration() + 1, Pts: cursor.GetPts()},
		{Epoch: cursor.GetEpoch(), Generation: cursor.GetGeneration(), Pts: cursor.GetPts() + 1},
	} {
		r, err := backend.Sync(t.Context(), wire.Actor{User: ada.id}, &throngv1.SyncRequest{Cursor: foreign})
		assert.NoError(t, "sync", err)
		assert.True(t, "reset", r.GetReset_())
		assert.Equal(t, "everything comes again", len(r.GetConversations()), 7)
	}
}

// SYNC-9 and SYNC-12: what a range answers covers one contiguous span; what came between two memberships is withheld.
func TestWithheldSpans(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := newCell(t, w)
	backend := api.NewBackend(w.messages, w.deps.Timelines, nil, time.Now)
	p, own := c.people[exMember], c.people[owner].id
	_, err := w.conversations.AddMembers(t.Context(), own, c.group, []chat.UserID{p.id}, 0)
	assert.NoError(t, "adding again", err)
	head := w.send(t, own, c.group, "welcome back").Seq
	r, err := backend.ListEntries(t.Context(), wire.Actor{User: p.id}, &throngv1.ListEntriesRequest{Conversation: uint64(c.group)})
	assert.NoError(t, "reading", err)
	filled := map[uint64]int{}
	for _, e := range r.GetEntries() {
		filled[e.GetSeq()]++
		assert.True(t, "nothing of the time outside", e.GetText() != "secret of the group")
	}
	for _, s := range r.GetWithheld() {
		for seq := s.GetFrom(); seq <= s.GetTo(); seq++ {
			filled[seq]++
		}
	}
	assert.Equal(t, "covered to", r.GetCovered().GetTo(), uint64(head))
	assert.Equal(t, "something is withheld", len(r.GetWithheld()), 1)
	for seq := r.GetCovered().GetFrom(); seq <= r.GetCovered().GetTo(); seq++ {
		assert.Equal(t, "times that a seq is filled", filled[seq], 1)
	}
}
