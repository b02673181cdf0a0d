package api_test

import (
	"context"
	"errors"
	"slices"
	"strings"
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

// book is a store of profiles that counts how many were read. User 404 never was.
type book struct {
	version uint64
	avatar  string
	read    int
	err     error
}

func (b *book) Profiles(_ context.Context, ids []chat.UserID) ([]account.Profile, error) {
	if b.err != nil {
		return nil, b.err
	}
	b.read += len(ids)
	var out []account.Profile
	for _, id := range ids {
		if id != 404 {
			out = append(out, account.Profile{User: id, Name: "n", Avatar: b.avatar, Version: b.version})
		}
	}
	return out, nil
}

// reader asks for names at a time of its own.
type reader struct {
	*api.Introductions
	*book

	at time.Time
}

func newReader() *reader {
	r := &reader{book: &book{version: 1}, at: time.UnixMilli(1_800_000_000_000)}
	r.Introductions = api.NewIntroductions(r.book, func() time.Time { return r.at })
	return r
}

// users of profiles, in order.
func usersOf(list []*throngv1.Profile) []chat.UserID {
	var out []chat.UserID
	for _, p := range list {
		out = append(out, chat.UserID(p.GetUser()))
	}
	return out
}

func (r *reader) of(t *testing.T, users ...chat.UserID) []chat.UserID {
	return usersOf(r.Of(t.Context(), users))
}

// DLV-13: each sender once, at most 200 and 64 KiB of them; who never was, and the server, have no names.
func TestIntroductionsAreBounded(t *testing.T) {
	t.Parallel()
	r := newReader()
	asked := []chat.UserID{7, 3, 7, 0, 404, 3, 9}
	assert.Equal(t, "each once, as named first", r.of(t, asked...), []chat.UserID{7, 3, 9})
	assert.Equal(t, "what was asked is left alone", asked, []chat.UserID{7, 3, 7, 0, 404, 3, 9})
	many := make([]chat.UserID, 3*chat.MaxProfiles)
	for i := range many {
		many[i] = chat.UserID(1_000 + i/2)
	}
	assert.Equal(t, "at most", r.of(t, many...), distinct(many)[:chat.MaxProfiles])

	r = newReader()
	r.avatar = strings.Repeat("a", 1<<10-1) // and a name of one byte
	assert.Equal(t, "bytes", len(r.of(t, many...)), chat.MaxProfileBytes>>10)

	r = newReader()
	r.err = errors.New("the disk is gone")
	assert.Equal(t, "entries do not wait for names", len(r.of(t, 1, 2)), 0)
	r.err = nil
	assert.Equal(t, "nor is the failure remembered", r.of(t, 1, 2), []chat.UserID{1, 2})
}

func distinct(users []chat.UserID) []chat.UserID { return slices.Compact(slices.Clone(users)) }

func TestIntroductionsReadAProfileOnce(t *testing.T) {
	t.Parallel()
	r := newReader()
	for range 1_000 {
		r.of(t, 1, 2, 3)
	}
	assert.Equal(t, "reads", r.read, 3)
	r.version = 2
	r.Forget(2)
	seen := r.Of(t.Context(), []chat.UserID{1, 2})
	assert.Equal(t, "versions", [2]uint64{seen[0].GetVersion(), seen[1].GetVersion()}, [2]uint64{1, 2})
	r.at = r.at.Add(25 * time.Second)
	assert.Equal(t, "read again in time", r.Of(t.Context(), []chat.UserID{1})[0].GetVersion(), uint64(2))
	r.read, r.at = 0, r.at.Add(-time.Hour)
	r.of(t, 1)
	assert.Equal(t, "a clock that was set back keeps nothing for an hour", r.read, 1)
}

// However many senders there are, what is remembered of them has an end: what does not fit is read again.
func TestIntroductionsForgetInTime(t *testing.T) {
	t.Parallel()
	r := newReader()
	for u := chat.UserID(1_000); u < 31_000; u++ {
		r.of(t, u)
	}
	r.read = 0
	r.of(t, 1_000)
	assert.Equal(t, "the first one was forgotten", r.read, 1)
	r.of(t, 30_999)
	assert.Equal(t, "the last one was not", r.read, 1)
}

// DLV-13: a chunk leaves out whom a chunk of the conversation introduced within the last minute, unless the profile changed.
func TestChunksIntroduceOnce(t *testing.T) {
	t.Parallel()
	r := newReader()
	chunk := func(id chat.ConversationID, senders ...chat.UserID) []chat.UserID {
		return usersOf(r.Chunk(t.Context(), id, senders))
	}
	assert.Equal(t, "the first chunk", chunk(1, 5, 6, 5), []chat.UserID{5, 6})
	assert.Equal(t, "the second", chunk(1, 6, 7), []chat.UserID{7})
	assert.Equal(t, "another conversation", chunk(2, 6), []chat.UserID{6})
	r.version = 2
	r.Forget(5)
	assert.Equal(t, "with a new profile", chunk(1, 5, 6), []chat.UserID{5})
	r.at = r.at.Add(59 * time.Second)
	assert.Equal(t, "within the minute: only whose profile is read anew", chunk(1, 5), []chat.UserID(nil))
	r.at = r.at.Add(2 * time.Minute)
	assert.Equal(t, "later", chunk(1, 5, 6), []chat.UserID{5, 6})
}

// DLV-13: pages and syncs of conversations above the small tier carry the names, those of small ones do not.
func TestPagesIntroduceTheirSenders(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id, a, b := w.medium(t)
	w.send(t, a, id, "one")
	w.send(t, b, id, "two")
	w.send(t, a, id, "three")
	small, err := w.conversations.OpenDirect(t.Context(), a, b)
	assert.NoError(t, "opening", err)
	w.send(t, a, small, "four")
	name := "Ada"
	_, err = w.accounts.UpdateProfile(t.Context(), a, account.ProfileChange{Name: &name})
	assert.NoError(t, "renaming", err)

	backend := api.NewBackend(w.messages, w.deps.Timelines, api.NewIntroductions(w.accounts, time.Now), time.Now)
	page := func(who chat.UserID, id chat.ConversationID) []*throngv1.Profile {
		r, err := backend.ListEntries(t.Context(), wire.Actor{User: who}, &throngv1.ListEntriesRequest{Conversation: uint64(id)})
		assert.NoError(t, "reading", err)
		return r.GetProfiles()
	}
	assert.Equal(t, "of a medium group", usersOf(page(b, id)), []chat.UserID{a, b})
	assert.Equal(t, "name", page(b, id)[0].GetName(), "Ada")
	assert.Equal(t, "of a direct conversation", len(page(b, small)), 0)

	synced, err := backend.Sync(t.Context(), wire.Actor{User: b}, &throngv1.SyncRequest{Entries: 2})
	assert.NoError(t, "syncing", err)
	assert.Equal(t, "with a sync", usersOf(synced.GetProfiles()), []chat.UserID{b, a})

	_, err = w.conversations.Remove(t.Context(), a, id, b, "")
	assert.NoError(t, "removing", err)
	assert.Equal(t, "with what who left may still read", usersOf(page(b, id)), []chat.UserID{a, b})
}

// S-33, S-34: focus is answered with the heads of what is the user's, without entries; the rest is left out, be it there or not.
func TestFocusAnswersHeads(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id, a, b := w.medium(t)
	seq := w.send(t, a, id, "hello").Seq
	secret, err := w.conversations.CreateGroup(t.Context(), a, conversation.NewGroup{ClientID: w.clientID(), Name: "secret"})
	assert.NoError(t, "making a group", err)
	left, err := w.conversations.CreateGroup(t.Context(), a, conversation.NewGroup{ClientID: w.clientID(), Name: "left", Members: []chat.UserID{b}})
	assert.NoError(t, "making a group", err)
	_, err = w.conversations.Remove(t.Context(), b, left, b, "")
	assert.NoError(t, "leaving", err)
	backend := api.NewBackend(w.messages, w.deps.Timelines, nil, time.Now)
	focus := func(ids ...uint64) ([]*throngv1.Head, chat.Reason) {
		r, err := backend.Focus(t.Context(), wire.Actor{User: b}, &throngv1.FocusRequest{Conversations: ids})
		if err != nil {
			return nil, chat.AsError(err).Reason
		}
		return r.GetHeads(), ""
	}
	heads, _ := focus(uint64(secret), uint64(id), 987_654, uint64(left), uint64(id))
	assert.Equal(t, "heads", len(heads), 1)
	assert.Equal(t, "conversation", heads[0].GetConversation(), uint64(id))
	assert.Equal(t, "seq", heads[0].GetSeq(), uint64(seq))
	assert.Equal(t, "tier", heads[0].GetTier(), throngv1.Tier_TIER_MEDIUM)
	assert.True(t, "no entry", heads[0].GetLast() == nil)
	heads, why := focus()
	assert.True(t, "nothing is open", len(heads) == 0 && why == "")
	_, why = focus(1, 2, 3, 4, 5, 6, 7, 8, 9)
	assert.Equal(t, "too many", why, chat.ReasonTooManyConversations)
	_, why = focus(uint64(id), 0)
	assert.Equal(t, "no id", why, chat.ReasonIDInvalid)
}
