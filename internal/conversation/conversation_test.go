package conversation_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/conversation"
	"github.com/throng-im/throng/internal/store/pebble"
)

// people are those who exist: 1 to 2,000, without those who went.
type people struct{ gone map[chat.UserID]bool }

func (p people) Exist(_ context.Context, ids []chat.UserID) (missing []chat.UserID, err error) {
	for _, id := range ids {
		if id > 2_000 || p.gone[id] {
			missing = append(missing, id)
		}
	}
	return missing, nil
}

// appender is the log without the service before it; it may fail, or lose the answer.
type appender struct {
	store *pebble.Store
	fail  error // before the append
}

func (a *appender) Append(ctx context.Context, d *chat.Draft) (chat.Result, error) {
	if a.fail != nil {
		return chat.Result{}, a.fail
	}
	applied, err := a.store.Append(ctx, []*chat.Draft{d})
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

type fixture struct {
	*conversation.Service
	t      *testing.T
	store  *pebble.Store
	log    *appender
	people people
}

func open(t *testing.T) *fixture {
	t.Helper()
	store, err := pebble.Open("data", pebble.Options{FS: vfs.NewMem()})
	assert.NoError(t, "opening", err)
	t.Cleanup(func() { assert.NoError(t, "closing", store.Close()) })
	f := &fixture{t: t, store: store, log: &appender{store: store}, people: people{gone: make(map[chat.UserID]bool)}}
	cfg := conversation.Default()
	assert.NoError(t, "defaults", cfg.Validate())
	f.Service = conversation.New(cfg, store, f.log, f.people, store)
	return f
}

func (f *fixture) refused(what string, err error, reason chat.Reason) {
	f.t.Helper()
	assert.ErrorIs(f.t, what, err, &chat.Error{Reason: reason})
}

func (f *fixture) head(id chat.ConversationID) chat.Head {
	f.t.Helper()
	heads, err := f.store.Heads(f.t.Context(), []chat.ConversationID{id})
	assert.NoError(f.t, "head", err)
	return heads[0]
}

// group makes a group of 10 (owner), 20 (admin), 30 and 40 (members).
func (f *fixture) group() chat.ConversationID {
	f.t.Helper()
	ctx := f.t.Context()
	id, err := f.CreateGroup(ctx, 10, conversation.NewGroup{ClientID: chat.ClientID{9}, Name: "group", Members: []chat.UserID{20, 30, 40}})
	assert.NoError(f.t, "group", err)
	_, err = f.SetRole(ctx, 10, id, 20, chat.RoleAdmin)
	assert.NoError(f.t, "admin", err)
	return id
}

func TestOpenDirect(t *testing.T) {
	t.Parallel()
	f := open(t)
	ctx := t.Context()
	id, err := f.OpenDirect(ctx, 20, 10)
	assert.NoError(t, "open", err)
	again, err := f.OpenDirect(ctx, 10, 20)
	assert.NoError(t, "open again", err)
	assert.Equal(t, "same from both sides", again, id)
	h := f.head(id)
	assert.True(t, "created once", h.Seq == 1 && h.Kind == chat.KindDirect && h.Members == 2)
	self, err := f.OpenDirect(ctx, 10, 10)
	assert.NoError(t, "notes to self", err)
	assert.Equal(t, "members", f.head(self).Members, uint32(1))
	again, err = f.OpenDirect(ctx, 10, 10)
	assert.NoError(t, "notes again", err)
	assert.Equal(t, "same notes", again, self)
	_, err = f.OpenDirect(ctx, 10, 3_000)
	f.refused("nobody", err, chat.ReasonUserNotFound)
	for _, pair := range [][2]chat.UserID{{0, 10}, {10, 0}, {10, chat.MaxID + 1}, {chat.MaxID + 1, 10}} {
		_, err = f.OpenDirect(ctx, pair[0], pair[1])
		f.refused(fmt.Sprint(pair), err, chat.ReasonIDInvalid)
	}
	f.people.gone[20] = true
	again, err = f.OpenDirect(ctx, 10, 20)
	assert.NoError(t, "a peer that is gone leaves what there is", err)
	assert.Equal(t, "same", again, id)
	_, err = f.Leave(ctx, 10, id)
	f.refused("a direct conversation is no group", err, chat.ReasonNotAGroup)
}

func TestOpenDirectRepairs(t *testing.T) {
	t.Parallel()
	f := open(t)
	ctx := t.Context()
	f.log.fail = chat.Errorf(chat.CodeUnavailable, chat.ReasonStorageUnavailable, "not now")
	_, err := f.OpenDirect(ctx, 10, 20)
	f.refused("cut off behind the pair", err, chat.ReasonStorageUnavailable)
	id, err := f.store.Pair(ctx, 10, 20, 0)
	assert.NoError(t, "pair", err)
	assert.True(t, "the pair stands, the conversation does not", id != 0 && !f.head(id).Exists())
	f.log.fail = nil
	got, err := f.OpenDirect(ctx, 20, 10)
	assert.NoError(t, "repair", err)
	assert.Equal(t, "under the pair's id", got, id)
	assert.True(t, "exists", f.head(id).Exists())
}

func TestOpenDirectRace(t *testing.T) {
	t.Parallel()
	f := open(t)
	const n = 16
	ids := make([]chat.ConversationID, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			var err error
			if ids[i], err = f.OpenDirect(t.Context(), chat.UserID(1+i%2), chat.UserID(2-i%2)); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for _, id := range ids {
		assert.Equal(t, "one conversation", id, ids[0])
	}
	assert.Equal(t, "created once", f.head(ids[0]).Seq, chat.Seq(1))
}

func TestCreateGroup(t *testing.T) {
	t.Parallel()
	f := open(t)
	ctx := t.Context()
	g := conversation.NewGroup{
		ClientID: chat.ClientID{1}, Name: "Füchse", Description: "two\nlines", Members: []chat.UserID{20, 30, 20, 10},
	}
	id, err := f.CreateGroup(ctx, 10, g)
	assert.NoError(t, "create", err)
	about, err := f.store.Conversation(ctx, id)
	assert.NoError(t, "about", err)
	assert.True(t, "the actor owns it", about.Owner == 10 && about.Name == "Füchse")
	assert.Equal(t, "without repeats", f.head(id).Members, uint32(3))
	f.people.gone[30] = true
	again, err := f.CreateGroup(ctx, 10, g)
	assert.NoError(t, "repeat", err)
	assert.Equal(t, "same group", again, id)
	other, err := f.CreateGroup(ctx, 20, conversation.NewGroup{ClientID: g.ClientID, Name: "another's"})
	assert.NoError(t, "another actor's client id", err)
	assert.True(t, "another group", other != id)
	changed := g
	changed.Name = "Dachse"
	_, err = f.CreateGroup(ctx, 10, changed)
	f.refused("the same client id for another group", err, chat.ReasonIdempotencyConflict)
	server, err := f.CreateGroup(ctx, 0, conversation.NewGroup{ClientID: chat.ClientID{2}, Name: "s", Members: []chat.UserID{20, 10}})
	assert.NoError(t, "a back end's group", err)
	about, err = f.store.Conversation(ctx, server)
	assert.NoError(t, "about", err)
	assert.Equal(t, "the first member owns it", about.Owner, chat.UserID(20))
}

func TestCreateGroupRepairs(t *testing.T) {
	t.Parallel()
	f := open(t)
	g := conversation.NewGroup{ClientID: chat.ClientID{1}, Name: "g", Members: []chat.UserID{20}}
	f.log.fail = chat.Errorf(chat.CodeUnknown, chat.ReasonInDoubt, "cut off")
	_, err := f.CreateGroup(t.Context(), 10, g)
	f.refused("cut off behind the claim", err, chat.ReasonInDoubt)
	f.log.fail = nil
	id, err := f.CreateGroup(t.Context(), 10, g)
	assert.NoError(t, "repair", err)
	assert.Equal(t, "exists", f.head(id).Members, uint32(2))
}

func TestBadGroups(t *testing.T) {
	t.Parallel()
	f := open(t)
	many := make([]chat.UserID, chat.MaxMembersAtOnce+1)
	for i := range many {
		many[i] = chat.UserID(i + 1)
	}
	for what, row := range map[string]struct {
		change func(g *conversation.NewGroup)
		reason chat.Reason
	}{
		"no client id":       {func(g *conversation.NewGroup) { g.ClientID = chat.ClientID{} }, chat.ReasonClientIDInvalid},
		"no name":            {func(g *conversation.NewGroup) { g.Name = "" }, chat.ReasonFieldInvalid},
		"blank name":         {func(g *conversation.NewGroup) { g.Name = " \u2003" }, chat.ReasonFieldInvalid},
		"name of lines":      {func(g *conversation.NewGroup) { g.Name = "a\nb" }, chat.ReasonFieldInvalid},
		"name not UTF-8":     {func(g *conversation.NewGroup) { g.Name = "a\xff" }, chat.ReasonFieldInvalid},
		"long name":          {func(g *conversation.NewGroup) { g.Name = strings.Repeat("ü", chat.MaxNameRunes+1) }, chat.ReasonFieldTooLarge},
		"huge name":          {func(g *conversation.NewGroup) { g.Name = strings.Repeat("x", 1<<20) }, chat.ReasonFieldTooLarge},
		"avatar is a script": {func(g *conversation.NewGroup) { g.Avatar = "javascript:alert(1)" }, chat.ReasonFieldInvalid},
		"long avatar":        {func(g *conversation.NewGroup) { g.Avatar = strings.Repeat("x", chat.MaxRefBytes+1) }, chat.ReasonFieldTooLarge},
		"long description":   {func(g *conversation.NewGroup) { g.Description = strings.Repeat("x", chat.MaxDescription+1) }, chat.ReasonFieldTooLarge},
		"too many members":   {func(g *conversation.NewGroup) { g.Members = many }, chat.ReasonTooManyMembers},
		"nobody as member":   {func(g *conversation.NewGroup) { g.Members = []chat.UserID{3_000} }, chat.ReasonUserNotFound},
		"no id as a member":  {func(g *conversation.NewGroup) { g.Members = []chat.UserID{0} }, chat.ReasonIDInvalid},
	} {
		g := conversation.NewGroup{ClientID: chat.ClientID{1}, Name: "g", Members: []chat.UserID{20}}
		row.change(&g)
		_, err := f.CreateGroup(t.Context(), 10, g)
		f.refused(what, err, row.reason)
	}
	_, err := f.CreateGroup(t.Context(), 0, conversation.NewGroup{ClientID: chat.ClientID{1}, Name: "g"})
	f.refused("a back end's group of nobody", err, chat.ReasonFieldInvalid)
	id, err := f.store.Claim(t.Context(), 10, chat.ClientID{1}, 0)
	assert.NoError(t, "claim", err)
	assert.Equal(t, "nothing is claimed by what is refused", id, chat.ConversationID(0))
}

// counts says of one user that there is no room left.
type counts chat.UserID

func (c counts) Counts(_ context.Context, users []chat.UserID) ([]int, error) {
	out := make([]int, len(users))
	for i, u := range users {
		if u == chat.UserID(c) {
			out[i] = chat.MaxConversations
		}
	}
	return out, nil
}

func TestTooManyConversations(t *testing.T) {
	t.Parallel()
	f := open(t)
	ctx := t.Context()
	id := f.group()
	direct, err := f.OpenDirect(ctx, 10, 60)
	assert.NoError(t, "before", err)
	f.Service = conversation.New(conversation.Default(), f.store, f.log, f.people, f.store, conversation.WithCounts(counts(60)))
	_, err = f.AddMembers(ctx, 10, id, []chat.UserID{50, 60}, 0)
	f.refused("add", err, chat.ReasonTooManyConversations)
	_, err = f.CreateGroup(ctx, 10, conversation.NewGroup{ClientID: chat.ClientID{5}, Name: "g", Members: []chat.UserID{60}})
	f.refused("member of a new group", err, chat.ReasonTooManyConversations)
	_, err = f.CreateGroup(ctx, 60, conversation.NewGroup{ClientID: chat.ClientID{5}, Name: "g"})
	f.refused("owner of a new group", err, chat.ReasonTooManyConversations)
	_, err = f.OpenDirect(ctx, 20, 60)
	f.refused("direct", err, chat.ReasonTooManyConversations)
	_, err = f.Join(ctx, 60, id, "")
	f.refused("join", err, chat.ReasonTooManyConversations)
	again, err := f.OpenDirect(ctx, 60, 10)
	assert.NoError(t, "what there is stays", err)
	assert.Equal(t, "same", again, direct)
	_, err = f.AddMembers(ctx, 10, id, []chat.UserID{50}, 0)
	assert.NoError(t, "others have room", err)
}
