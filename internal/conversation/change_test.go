package conversation_test

import (
	"fmt"
	"testing"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
)

func ref[T any](v T) *T { return &v }

// Each change by each kind of actor. Strangers and former members learn nothing.
func TestWhoMay(t *testing.T) {
	t.Parallel()
	const (
		owner, admin, member, other chat.UserID = 10, 20, 30, 40
		former, stranger, server    chat.UserID = 50, 60, 0
	)
	type act func(f *fixture, actor chat.UserID, id chat.ConversationID) error
	only := func(_ chat.Result, err error) error { return err }
	rows := []struct {
		name string
		act  act
		may  []chat.UserID
	}{
		{"update", func(f *fixture, a chat.UserID, id chat.ConversationID) error {
			return only(f.Update(f.t.Context(), a, id, chat.Changed{Name: ref(fmt.Sprint("by ", a))}, ""))
		}, []chat.UserID{owner, admin, server}},
		{"add", func(f *fixture, a chat.UserID, id chat.ConversationID) error {
			return only(f.AddMembers(f.t.Context(), a, id, []chat.UserID{70}, 0))
		}, []chat.UserID{owner, admin, server}},
		{"remove", func(f *fixture, a chat.UserID, id chat.ConversationID) error {
			return only(f.Remove(f.t.Context(), a, id, other, ""))
		}, []chat.UserID{owner, admin, server}},
		{"set role", func(f *fixture, a chat.UserID, id chat.ConversationID) error {
			return only(f.SetRole(f.t.Context(), a, id, other, chat.RoleAdmin))
		}, []chat.UserID{owner, server}},
		{"transfer", func(f *fixture, a chat.UserID, id chat.ConversationID) error {
			return only(f.Transfer(f.t.Context(), a, id, other))
		}, []chat.UserID{owner, server}},
		{"mute", func(f *fixture, a chat.UserID, id chat.ConversationID) error {
			return only(f.Mute(f.t.Context(), a, id, other, 1<<40, ""))
		}, []chat.UserID{owner, admin, server}},
		{"dissolve", func(f *fixture, a chat.UserID, id chat.ConversationID) error {
			return only(f.Dissolve(f.t.Context(), a, id))
		}, []chat.UserID{owner, server}},
		{"leave", func(f *fixture, a chat.UserID, id chat.ConversationID) error {
			return only(f.Leave(f.t.Context(), a, id))
		}, []chat.UserID{admin, member}},
		{"list", func(f *fixture, a chat.UserID, id chat.ConversationID) error {
			_, _, err := f.Members(f.t.Context(), a, id, 0, 0, 0)
			return err
		}, []chat.UserID{owner, admin, member, server}},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			for _, actor := range []chat.UserID{owner, admin, member, former, stranger, server} {
				f := open(t)
				id := f.group()
				_, err := f.AddMembers(t.Context(), owner, id, []chat.UserID{former}, 0)
				assert.NoError(t, "add", err)
				_, err = f.Remove(t.Context(), owner, id, former, "")
				assert.NoError(t, "remove", err)
				before := f.head(id)
				may := false
				for _, u := range row.may {
					may = may || u == actor
				}
				err = row.act(f, actor, id)
				if may {
					assert.NoError(t, fmt.Sprint(actor), err)
					continue
				}
				assert.True(t, fmt.Sprint(actor, " is refused"), err != nil)
				assert.Equal(t, "nothing is stored", f.head(id), before)
				if actor == stranger {
					f.refused("stranger", err, chat.ReasonConversationNotFound)
					f.refused("as if it did not exist", row.act(f, actor, id+1_000), chat.ReasonConversationNotFound)
				}
			}
		})
	}
}

func TestJoin(t *testing.T) {
	t.Parallel()
	f := open(t)
	ctx := t.Context()
	id := f.group()
	_, err := f.Join(ctx, 60, id, "")
	f.refused("a group that is not open is a secret", err, chat.ReasonConversationNotFound)
	_, err = f.Update(ctx, 10, id, chat.Changed{Open: ref(true)}, "")
	assert.NoError(t, "open", err)
	r, err := f.Join(ctx, 60, id, "")
	assert.NoError(t, "join", err)
	assert.Equal(t, "members", f.head(id).Members, uint32(5))
	again, err := f.Join(ctx, 60, id, "")
	assert.NoError(t, "join again", err)
	assert.Equal(t, "once", again.Seq, r.Seq)
	_, err = f.Join(ctx, 0, id, "")
	f.refused("the server joins nothing", err, chat.ReasonIDInvalid)
}

func TestAddMembers(t *testing.T) {
	t.Parallel()
	f := open(t)
	ctx := t.Context()
	id := f.group()
	users := make([]chat.UserID, chat.MaxMembersAtOnce)
	for i := range users {
		users[i] = chat.UserID(i + 1)
	}
	r, err := f.AddMembers(ctx, 10, id, users, chat.RoleMember)
	assert.NoError(t, "add", err)
	assert.Equal(t, "four were members already", r.Count, chat.MaxMembersAtOnce-4)
	assert.Equal(t, "members", f.head(id).Members, uint32(chat.MaxMembersAtOnce))
	list, total, err := f.Members(ctx, 30, id, 0, 150, 0)
	assert.NoError(t, "list", err)
	assert.True(t, "a page", len(list) == 150 && list[0].User == 1 && list[149].User == 150 && total == chat.MaxMembersAtOnce)
	list, _, err = f.Members(ctx, 30, id, 999, 1e9, 0)
	assert.NoError(t, "list", err)
	assert.Equal(t, "the end", len(list), 1)
	list, _, err = f.Members(ctx, 30, id, 0, 1e9, 0)
	assert.NoError(t, "list", err)
	assert.Equal(t, "what is above the bound is the bound", len(list), 200)
	list, _, err = f.Members(ctx, 30, id, 0, 0, chat.RoleAdmin)
	assert.NoError(t, "list", err)
	assert.True(t, "admins", len(list) == 1 && list[0].User == 20)
	_, _, err = f.Members(ctx, 30, id, 0, -1, 0)
	f.refused("limit", err, chat.ReasonFieldInvalid)
	_, _, err = f.Members(ctx, 30, id, chat.MaxID+1, 0, 0)
	f.refused("token", err, chat.ReasonPageTokenInvalid)
	for what, row := range map[string]struct {
		users  []chat.UserID
		role   chat.Role
		reason chat.Reason
	}{
		"none":     {nil, 0, chat.ReasonFieldInvalid},
		"too many": {append(users, 1_500), 0, chat.ReasonTooManyMembers},
		"nobody":   {[]chat.UserID{3_000}, 0, chat.ReasonUserNotFound},
		"an owner": {[]chat.UserID{1_500}, chat.RoleOwner, chat.ReasonFieldInvalid},
		"no id":    {[]chat.UserID{chat.MaxID + 1}, 0, chat.ReasonIDInvalid},
	} {
		_, err = f.AddMembers(ctx, 10, id, row.users, row.role)
		f.refused(what, err, row.reason)
	}
	_, err = f.AddMembers(ctx, 1_700, id, []chat.UserID{3_000}, 0)
	f.refused("strangers do not learn who exists", err, chat.ReasonConversationNotFound)
}

func TestBadChanges(t *testing.T) {
	t.Parallel()
	f := open(t)
	ctx := t.Context()
	id := f.group()
	_, err := f.Update(ctx, 10, id, chat.Changed{}, "")
	f.refused("nothing", err, chat.ReasonFieldInvalid)
	_, err = f.Update(ctx, 10, id, chat.Changed{Name: ref("")}, "")
	f.refused("no name", err, chat.ReasonFieldInvalid)
	_, err = f.Update(ctx, 10, 0, chat.Changed{Name: ref("x")}, "")
	f.refused("no conversation", err, chat.ReasonIDInvalid)
	_, err = f.SetRole(ctx, 10, id, 30, chat.RoleOwner)
	f.refused("an owner by role", err, chat.ReasonFieldInvalid)
	_, err = f.Mute(ctx, 10, id, 30, 1<<60, "")
	f.refused("beyond time", err, chat.ReasonFieldInvalid)
	_, err = f.Remove(ctx, 10, id, 0, "")
	f.refused("nobody", err, chat.ReasonIDInvalid)
	_, err = f.Leave(ctx, 10, id)
	f.refused("owners transfer first", err, chat.ReasonOwnerMustTransfer)
	_, err = f.Remove(ctx, 30, id, 30, "")
	assert.NoError(t, "removing oneself is leaving", err)
	_, err = f.Dissolve(ctx, 10, id)
	assert.NoError(t, "dissolve", err)
	_, err = f.Update(ctx, 10, id, chat.Changed{Name: ref("x")}, "")
	f.refused("after the end", err, chat.ReasonDissolved)
}
