package porttest

import (
	"sync"
	"testing"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
)

// Directory runs the rules DIR-1 to DIR-6 against an adapter. Open returns a fresh, empty one; the test closes it.
func Directory(t *testing.T, open func(t testing.TB) Engine) {
	t.Helper()
	runEngine(t, open, []engineCase{
		{"DIR-1 what is not there", directoryMissing},
		{"DIR-1 what stands about a conversation", directoryAbout},
		{"DIR-2 members are paged by id", directoryMembers},
		{"DIR-2 members with a role are those who have it now", directoryRoles},
		{"DIR-3 a pair has one conversation for ever", directoryPair},
		{"DIR-4 ids are never given twice", directoryReserve},
		{"DIR-5 a client id makes one group", directoryClaim},
		{"DIR-6 who is banned is paged by id", directoryBans},
		{"DIR-1 what a group holds its members to", directoryTerms},
	})
}

func directoryMissing(t *testing.T, e Engine) {
	_, err := e.Directory.Conversation(t.Context(), 404)
	assert.Equal(t, "conversation", chat.AsError(err).Reason, chat.ReasonConversationNotFound)
	_, err = e.Directory.Member(t.Context(), 404, alice)
	assert.Equal(t, "member", chat.AsError(err).Reason, chat.ReasonConversationNotFound)
	_, err = e.Directory.Read(t.Context(), 404, alice)
	assert.Equal(t, "read", chat.AsError(err).Reason, chat.ReasonConversationNotFound)
	e.must(t, group(1, alice))
	m, err := e.Directory.Member(t.Context(), 1, bob)
	assert.NoError(t, "member", err)
	assert.Equal(t, "who never was a member", m, chat.Member{})
	r, err := e.Directory.Read(t.Context(), 1, bob)
	assert.NoError(t, "read", err)
	assert.Equal(t, "read of who never was a member", r, chat.Read{})
	page, err := e.Directory.Members(t.Context(), 404, 0, 10, 0)
	assert.True(t, "no members", err == nil && len(page) == 0)
}

func directoryAbout(t *testing.T, e Engine) {
	name, yes := "other", true
	e.must(t, group(1, alice, bob), &chat.Draft{Conversation: 1, Sender: alice, Body: chat.Changed{Name: &name, Open: &yes}})
	e.must(t, &chat.Draft{Conversation: 1, Sender: alice, Body: chat.MembersChanged{Action: chat.MemberTransferred, Users: []chat.UserID{bob}}})
	e.must(t, &chat.Draft{Conversation: 2, Sender: bob, Body: chat.Created{Kind: chat.KindDirect, Members: []chat.UserID{bob, alice}}})
	for _, engine := range []Engine{e, e.Crash(t)} {
		c, err := engine.Directory.Conversation(t.Context(), 1)
		assert.NoError(t, "conversation", err)
		assert.True(t, "times", c.CreatedMS > 0)
		c.CreatedMS = 0
		assert.Equal(t, "group", c, chat.Conversation{ID: 1, Kind: chat.KindGroup, Name: "other", Open: true, Owner: bob})
		c, err = engine.Directory.Conversation(t.Context(), 2)
		assert.NoError(t, "conversation", err)
		assert.Equal(t, "pair", c.Pair, [2]chat.UserID{alice, bob})
		m, err := engine.Directory.Member(t.Context(), 1, alice)
		assert.NoError(t, "member", err)
		assert.True(t, "an owner who gave it away", m.Role == chat.RoleAdmin && m.Current() && m.User == alice)
	}
}

func directoryMembers(t *testing.T, e Engine) {
	var all []chat.UserID
	for u := chat.UserID(1); u <= 50; u++ {
		all = append(all, u*300)
	}
	e.must(t, group(1, all...), group(2, alice))
	e.must(t, &chat.Draft{Conversation: 1, Sender: 300, Body: chat.MembersChanged{Action: chat.MemberRemoved, Users: []chat.UserID{600}}},
		&chat.Draft{Conversation: 1, Sender: 300, Body: chat.MembersChanged{Action: chat.MemberRole, Users: []chat.UserID{900, 1200}, Role: chat.RoleAdmin}})
	var got []chat.UserID
	for after := chat.UserID(0); ; {
		page, err := e.Directory.Members(t.Context(), 1, after, 7, 0)
		assert.NoError(t, "members", err)
		if len(page) == 0 {
			break
		}
		assert.True(t, "page size", len(page) <= 7)
		for _, m := range page {
			got = append(got, m.User)
		}
		after = got[len(got)-1]
	}
	assert.Equal(t, "members", got, append([]chat.UserID{300}, all[2:]...))
	admins, err := e.Directory.Members(t.Context(), 1, 0, 10, chat.RoleAdmin)
	assert.NoError(t, "admins", err)
	assert.True(t, "admins", len(admins) == 2 && admins[0].User == 900 && admins[1].User == 1200)
}

func directoryRoles(t *testing.T, e Engine) {
	const one, two, three, four = chat.UserID(300), chat.UserID(600), chat.UserID(900), chat.UserID(1200)
	change := func(by chat.UserID, action chat.MemberAction, role chat.Role, users ...chat.UserID) *chat.Draft {
		return &chat.Draft{Conversation: 1, Sender: by, Body: chat.MembersChanged{Action: action, Users: users, Role: role}}
	}
	check := func(e Engine, what string, owner chat.UserID, admins ...chat.UserID) {
		t.Helper()
		for role, want := range map[chat.Role][]chat.UserID{chat.RoleOwner: {owner}, chat.RoleAdmin: admins} {
			page, err := e.Directory.Members(t.Context(), 1, 0, 10, role)
			assert.NoError(t, what, err)
			got := make([]chat.UserID, 0, len(page))
			for _, m := range page {
				got = append(got, m.User)
				assert.True(t, what+": a whole member", m.Role == role && m.Current() && m.JoinedMS > 0)
			}
			assert.Equal(t, what, got, append([]chat.UserID{}, want...))
		}
	}
	e.must(t, group(1, one, two, three), group(2, four))
	check(e, "at the beginning", one)
	// One batch, and the same member more than once in it.
	e.must(t, change(one, chat.MemberRole, chat.RoleAdmin, two, three), change(one, chat.MemberRole, chat.RoleMember, three),
		change(one, chat.MemberAdded, chat.RoleAdmin, four))
	check(e, "after promotions", one, two, four)
	e.must(t, change(one, chat.MemberTransferred, 0, four))
	check(e, "after a transfer", four, one, two)
	e.must(t, change(two, chat.MemberLeft, 0, two), change(four, chat.MemberRemoved, 0, one))
	check(e, "after they left", four)
	e.must(t, change(four, chat.MemberAdded, 0, two))
	check(e, "who comes back is a member", four)
	e.must(t, change(four, chat.MemberRole, chat.RoleAdmin, two, three))
	check(e, "again", four, two, three)
	page, err := e.Directory.Members(t.Context(), 1, two, 10, chat.RoleAdmin)
	assert.True(t, "the next page", err == nil && len(page) == 1 && page[0].User == three)
	check(e.Crash(t), "after a crash", four, two, three)
}

func directoryPair(t *testing.T, e Engine) {
	id, err := e.Directory.Pair(t.Context(), alice, bob, 0)
	assert.True(t, "only looking", id == 0 && err == nil)
	ids := make([]chat.ConversationID, 16)
	var wg sync.WaitGroup
	for i := range ids {
		wg.Go(func() {
			id, err := e.Directory.Pair(t.Context(), alice, bob, chat.ConversationID(i+1))
			assert.NoError(t, "pair", err)
			ids[i] = id
		})
	}
	wg.Wait()
	for _, id := range ids {
		assert.True(t, "one for all", id == ids[0] && id != 0)
	}
	id, err = e.Crash(t).Directory.Pair(t.Context(), alice, bob, 99)
	assert.NoError(t, "pair", err)
	assert.Equal(t, "after a crash", id, ids[0])
	id, err = e.Directory.Pair(t.Context(), alice, alice, 77)
	assert.True(t, "with oneself", id == 77 && err == nil)
}

func directoryClaim(t *testing.T, e Engine) {
	ctx := t.Context()
	id, err := e.Directory.Claim(ctx, alice, clientID(1), 0)
	assert.True(t, "only looking", id == 0 && err == nil)
	for i, c := range []struct {
		actor  chat.UserID
		client int
		create chat.ConversationID
		want   chat.ConversationID
	}{{alice, 1, 5, 5}, {alice, 1, 6, 5}, {alice, 2, 7, 7}, {bob, 1, 8, 8}, {alice, 1, 0, 5}, {0, 1, 9, 9}} {
		id, err := e.Directory.Claim(ctx, c.actor, clientID(c.client), c.create)
		assert.NoError(t, "claim", err)
		assert.Equal(t, "claim", [2]uint64{uint64(i), uint64(id)}, [2]uint64{uint64(i), uint64(c.want)})
	}
	id, err = e.Crash(t).Directory.Claim(ctx, alice, clientID(1), 10)
	assert.True(t, "after a crash", id == 5 && err == nil)
}

func directoryReserve(t *testing.T, e Engine) {
	seen := map[chat.ConversationID]bool{}
	take := func(e Engine, n int) {
		t.Helper()
		first, err := e.Directory.Reserve(t.Context(), n)
		assert.NoError(t, "reserving", err)
		for i := range n {
			id := first + chat.ConversationID(i)
			assert.True(t, "a fresh id", id > 0 && id <= chat.MaxID && !seen[id])
			seen[id] = true
		}
	}
	for range 5 {
		take(e, 1)
		take(e, 700)
		take(e, 10_000)
	}
	take(e.Crash(t), 10)
	for _, n := range []int{0, -1, 10_001} {
		_, err := e.Directory.Reserve(t.Context(), n)
		assert.Equal(t, "a wrong number", chat.AsError(err).Code, chat.CodeInvalid)
	}
}
