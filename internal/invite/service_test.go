package invite_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/invite"
	"github.com/throng-im/throng/internal/store/pebble"
)

const (
	group  = chat.ConversationID(7)
	pair   = chat.ConversationID(8)
	owner  = chat.UserID(1)
	member = chat.UserID(2)
	other  = chat.UserID(3)
)

// world is links on a store in memory, into groups of its own, with a clock that stands still until it is moved.
type world struct {
	*invite.Service
	links *pebble.Links
	now   time.Time

	mu      sync.Mutex
	head    chat.Head
	members map[chat.UserID]chat.Role
	fail    error // of Enter
}

func newWorld(t *testing.T) *world {
	t.Helper()
	s, err := pebble.Open("data", pebble.Options{FS: vfs.NewMem(), CacheBytes: 1 << 20, MemTableBytes: 1 << 20})
	assert.NoError(t, "open the store", err)
	t.Cleanup(func() { _ = s.Close() })
	w := &world{
		links: s.Links(), now: time.Date(2026, 5, 6, 7, 8, 9, 0, time.UTC), members: map[chat.UserID]chat.Role{owner: chat.RoleOwner, member: chat.RoleMember},
		head: chat.Head{Kind: chat.KindGroup, Seq: 3, Members: 2},
	}
	w.Service = invite.New(w.links, w, func() time.Time { return w.now })
	return w
}

// Conversation implements invite.Groups.
func (w *world) Conversation(_ context.Context, id chat.ConversationID) (chat.Conversation, error) {
	return chat.Conversation{ID: id, Kind: chat.KindGroup, Name: "Club"}, nil
}

// Head implements invite.Groups.
func (w *world) Head(_ context.Context, id chat.ConversationID) (chat.Head, error) {
	h := w.head
	if id == pair {
		h.Kind = chat.KindDirect
	}
	return h, nil
}

// Member implements invite.Groups.
func (w *world) Member(_ context.Context, _ chat.ConversationID, user chat.UserID) (chat.Member, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	m := chat.Member{User: user, Role: w.members[user]}
	if m.Role != 0 {
		m.Spans = []chat.Span{{From: 1}}
	}
	return m, nil
}

// Enter implements invite.Groups.
func (w *world) Enter(_ context.Context, actor chat.UserID, _ chat.ConversationID) (chat.Result, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.fail != nil {
		return chat.Result{}, w.fail
	}
	if w.members[actor] != 0 {
		return chat.Result{Seq: 3, Repeat: true}, nil
	}
	w.members[actor] = chat.RoleMember
	return chat.Result{Seq: 4}, nil
}

func (w *world) make(t *testing.T, n invite.NewLink) (invite.Link, string) {
	t.Helper()
	l, token, err := w.Create(t.Context(), owner, group, n)
	assert.NoError(t, "create", err)
	return l, token
}

func (w *world) join(user chat.UserID, token string) chat.Reason {
	_, _, err := w.Join(context.Background(), user, token)
	return reason(err)
}

func reason(err error) chat.Reason {
	if err == nil {
		return ""
	}
	return chat.AsError(err).Reason
}

// INV-1, INV-2: who may make links and look after them.
func TestWho(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	mine, _ := w.make(t, invite.NewLink{})
	create := func(actor chat.UserID, id chat.ConversationID) chat.Reason {
		_, _, err := w.Create(ctx, actor, id, invite.NewLink{})
		return reason(err)
	}
	list := func(actor chat.UserID) chat.Reason { _, err := w.List(ctx, actor, group); return reason(err) }
	revoke := func(actor chat.UserID, link uint64) chat.Reason {
		_, err := w.Revoke(ctx, actor, group, link)
		return reason(err)
	}
	assert.Equal(t, "a back end", create(0, group), "")
	assert.Equal(t, "a plain member", create(member, group), chat.ReasonRoleTooLow)
	assert.Equal(t, "a stranger", create(other, group), chat.ReasonConversationNotFound)
	assert.Equal(t, "a direct conversation", create(owner, pair), chat.ReasonNotAGroup)
	assert.Equal(t, "lists for admins", [3]chat.Reason{list(owner), list(member), list(other)}, [3]chat.Reason{"", chat.ReasonRoleTooLow, chat.ReasonConversationNotFound})
	w.head.Open = true
	assert.Equal(t, "a plain member of an open group", create(member, group), "")
	assert.Equal(t, "who sees no list", list(member), chat.ReasonRoleTooLow)
	all, err := w.List(ctx, owner, group)
	assert.NoError(t, "list", err)
	assert.Equal(t, "links", len(all), 3)
	for _, l := range all {
		if l.Creator == member {
			assert.Equal(t, "ends the own one", revoke(member, l.ID), "")
		}
	}
	assert.Equal(t, "and no other", revoke(member, mine.ID), chat.ReasonRoleTooLow)
	assert.Equal(t, "one that is none", revoke(owner, 5), chat.ReasonLinkNotFound)
	w.head.Dissolved = true
	assert.Equal(t, "a group that has ended", create(owner, group), chat.ReasonDissolved)
}

// INV-3, INV-4, INV-5: tokens, and what they show.
func TestTokens(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	l, token := w.make(t, invite.NewLink{})
	id, name, hash, ok := invite.ParseToken(token)
	assert.True(t, "a token", ok && id == group && name == l.ID && hash == l.Token)
	assert.Equal(t, "7 days", l.ExpiresMS-l.CreatedMS, uint64(7*24*3_600_000))
	_, another := w.make(t, invite.NewLink{})
	assert.True(t, "no token twice", another != token)
	p, err := w.Preview(ctx, other, token)
	assert.NoError(t, "preview", err)
	assert.True(t, "what it shows", p.Conversation.Name == "Club" && p.Members == 2 && !p.Member)
	assert.Equal(t, "looking is not joining", w.members[other], chat.Role(0))
	p, err = w.Preview(ctx, member, token)
	assert.NoError(t, "preview", err)
	assert.True(t, "a member is told so", p.Member)
	forged := []byte(token)
	forged[31] ^= 1
	for what, bad := range map[string]string{
		"nothing": "", "short": token[1:], "long": token + "A", "another alphabet": "+" + token[1:], "another secret": string(forged), "no group": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
	} {
		assert.Equal(t, what, w.join(other, bad), chat.ReasonLinkNotFound)
		_, err := w.Preview(ctx, other, bad)
		assert.Equal(t, what, reason(err), chat.ReasonLinkNotFound)
	}
	for what, n := range map[string]invite.NewLink{
		"of the past": {ExpiresMS: l.CreatedMS}, "of years": {ExpiresMS: l.CreatedMS + 400*24*3_600_000}, "for everybody": {Most: 100_001},
	} {
		_, _, err := w.Create(ctx, owner, group, n)
		assert.Equal(t, what, reason(err), chat.ReasonFieldInvalid)
	}
}

// INV-6, INV-7: how a link ends.
func TestEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	l, token := w.make(t, invite.NewLink{})
	_, err := w.Revoke(ctx, owner, group, l.ID)
	assert.NoError(t, "revoke", err)
	assert.Equal(t, "revoked", w.join(other, token), chat.ReasonLinkSpent)
	l, token = w.make(t, invite.NewLink{})
	w.now = time.UnixMilli(int64(l.ExpiresMS) - 1)
	assert.Equal(t, "a moment before it ends", w.join(other, token), "")
	w.now = time.UnixMilli(int64(l.ExpiresMS))
	assert.Equal(t, "when it ends", w.join(other+1, token), chat.ReasonLinkSpent)
	_, err = w.Preview(ctx, other, token)
	assert.Equal(t, "it shows nothing", reason(err), chat.ReasonLinkSpent)

	_, token = w.make(t, invite.NewLink{Most: 5})
	assert.Equal(t, "who is a member", w.join(member, token), "")
	for _, fail := range []error{chat.Errorf(chat.CodeForbidden, chat.ReasonForbidden, "banned"), chat.Errorf(chat.CodeUnavailable, chat.ReasonOverloaded, "busy")} {
		w.fail = fail
		for user := range chat.UserID(5) {
			assert.True(t, "who is refused", w.join(100+user, token) != "")
		}
	}
	w.fail = nil
	var all sync.WaitGroup
	var in atomic.Int64
	for user := range chat.UserID(12) {
		all.Go(func() {
			if w.join(100+user, token) == "" {
				in.Add(1)
			}
		})
	}
	all.Wait()
	assert.Equal(t, "those who came in", in.Load(), int64(5))
	_, token = w.make(t, invite.NewLink{Most: 1})
	w.fail = chat.Errorf(chat.CodeUnknown, chat.ReasonInDoubt, "the answer was lost")
	assert.Equal(t, "in doubt", w.join(200, token), chat.ReasonInDoubt)
	w.fail = nil
	assert.Equal(t, "takes the use", w.join(201, token), chat.ReasonLinkSpent)
}

// INV-8: a group has so many links, and old ones make room.
func TestBound(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for range chat.MaxLinks {
		w.make(t, invite.NewLink{})
	}
	_, _, err := w.Create(t.Context(), owner, group, invite.NewLink{})
	assert.Equal(t, "one more", reason(err), chat.ReasonTooManyLinks)
	all, err := w.List(t.Context(), owner, group)
	assert.NoError(t, "list", err)
	_, err = w.Revoke(t.Context(), owner, group, all[0].ID)
	assert.NoError(t, "revoke", err)
	w.make(t, invite.NewLink{})
	w.now = w.now.Add(15 * 24 * time.Hour)
	w.make(t, invite.NewLink{})
	all, err = w.List(t.Context(), owner, group)
	assert.NoError(t, "list", err)
	assert.Equal(t, "those that ended long ago have gone", len(all), 1)
}

// INV-2: those that ended are listed for 7 days, however they ended and whenever they would have.
func TestEndedAreListedForAWeek(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	begin := w.now
	late := uint64(begin.Add(300 * 24 * time.Hour).UnixMilli())
	revoked, _ := w.make(t, invite.NewLink{ExpiresMS: late})
	_, used := w.make(t, invite.NewLink{ExpiresMS: late, Most: 1})
	w.make(t, invite.NewLink{})
	w.make(t, invite.NewLink{ExpiresMS: late})
	_, err := w.Revoke(t.Context(), owner, group, revoked.ID)
	assert.NoError(t, "revoke", err)
	w.fail = chat.Errorf(chat.CodeForbidden, chat.ReasonBanned, "banned")
	assert.Equal(t, "a use that is given back", w.join(other, used), chat.ReasonBanned)
	w.fail = nil
	w.now = begin.Add(24 * time.Hour)
	assert.Equal(t, "the last use", w.join(other, used), "")
	for _, day := range []struct{ at, listed int }{{2, 4}, {7, 3}, {8, 2}, {13, 2}, {14, 1}, {299, 1}} {
		w.now = begin.Add(time.Duration(day.at) * 24 * time.Hour)
		if day.at == 2 { // to revoke once more does not keep it longer
			_, err := w.Revoke(t.Context(), owner, group, revoked.ID)
			assert.NoError(t, "revoke again", err)
		}
		all, err := w.List(t.Context(), owner, group)
		assert.NoError(t, "list", err)
		assert.Equal(t, fmt.Sprintf("listed on day %d", day.at), len(all), day.listed)
	}
	w.make(t, invite.NewLink{})
	kept, err := w.links.Links(t.Context(), group)
	assert.NoError(t, "links", err)
	assert.Equal(t, "nor do they stay in the store", len(kept), 2)
}

// INV-8: a plain member of an open group has a few links, and leaves room for others.
func TestPlainMembersHaveFewLinks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.head.Open = true
	w.members[other] = chat.RoleMember
	create := func(actor chat.UserID) (invite.Link, chat.Reason) {
		l, _, err := w.Create(t.Context(), actor, group, invite.NewLink{})
		return l, reason(err)
	}
	var last invite.Link
	for range chat.MaxMemberLinks {
		l, why := create(member)
		assert.Equal(t, "one of a few", why, "")
		last = l
	}
	_, why := create(member)
	assert.Equal(t, "one more", why, chat.ReasonTooManyLinks)
	_, why = create(other)
	assert.Equal(t, "of another member", why, "")
	_, err := w.Revoke(t.Context(), member, group, last.ID)
	assert.NoError(t, "revoke", err)
	_, why = create(member)
	assert.Equal(t, "in place of one that was revoked", why, "")
	for range chat.MaxMemberLinks + 1 {
		w.make(t, invite.NewLink{})
	}
}

func FuzzParseToken(f *testing.F) {
	f.Add("AAAAAAAAAAcBAgMEBQYHCAkKCwwNDg8Q")
	f.Fuzz(func(t *testing.T, token string) {
		id, name, hash, ok := invite.ParseToken(token)
		if ok != (id != 0) || ok && (name == 0 || name > chat.MaxID || name != hash.ID()) {
			t.Errorf("%q is link %d of %d: %v", token, name, id, ok)
		}
	})
}

var errLost = errors.New("lost")

// A link whose row cannot be read lets nobody in.
func TestUnreadable(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, token := w.make(t, invite.NewLink{})
	s := invite.New(failing{}, w, nil)
	_, _, err := s.Join(t.Context(), other, token)
	assert.ErrorIs(t, "joining", err, errLost)
	assert.Equal(t, "nobody came in", w.members[other], chat.Role(0))
}

type failing struct{}

// Change implements invite.Links.
func (failing) Change(context.Context, chat.ConversationID, uint64, func(*invite.Link) error) (invite.Link, error) {
	return invite.Link{}, errLost
}

// Link implements invite.Links.
func (failing) Link(context.Context, chat.ConversationID, uint64) (invite.Link, error) {
	return invite.Link{}, errLost
}

// Links implements invite.Links.
func (failing) Links(context.Context, chat.ConversationID) ([]invite.Link, error) {
	return nil, errLost
}
