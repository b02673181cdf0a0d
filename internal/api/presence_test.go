package api_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/message"
	"github.com/throng-im/throng/internal/presence"
	"github.com/throng-im/throng/internal/store/pebble"
)

// halls tell who shares a conversation with whom.
type halls struct {
	messages *message.Service
	store    *pebble.Store
}

func (h halls) Standing(ctx context.Context, user chat.UserID, id chat.ConversationID) (chat.Head, bool, error) {
	all, err := h.messages.Standings(ctx, user, []chat.ConversationID{id})
	if err != nil {
		return chat.Head{}, false, err
	}
	return all[0].Head, all[0].Part.Current(), nil
}

func (h halls) Members(ctx context.Context, id chat.ConversationID) ([]chat.UserID, error) {
	return h.Page(ctx, id, 0, 1_000)
}

func (h halls) Direct(ctx context.Context, a, b chat.UserID) (chat.ConversationID, error) {
	return h.store.Pair(ctx, min(a, b), max(a, b), 0)
}

func (h halls) Member(ctx context.Context, id chat.ConversationID, user chat.UserID) (bool, error) {
	m, err := h.store.Member(ctx, id, user)
	if chat.AsError(err) != nil && chat.AsError(err).Code == chat.CodeNotFound {
		return false, nil
	}
	return m.Current(), err
}

func (h halls) Page(ctx context.Context, id chat.ConversationID, after chat.UserID, limit int) (out []chat.UserID, err error) {
	page, err := h.store.Members(ctx, id, after, limit, 0)
	for i := range page {
		out = append(out, page[i].User)
	}
	return out, err
}

// PRE-14, PRE-17, PRE-18: over HTTP, too, only those are seen with whom the caller shares a conversation.
func TestPresence(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := newCell(t, w)
	words := make([]presence.Word, 0, len(c.people))
	for _, p := range c.people {
		words = append(words, presence.Word{User: p.id, State: presence.Busy})
	}
	_, err := w.there.Note(t.Context(), words)
	assert.NoError(t, "noting", err)
	ask := fmt.Sprintf(`{"people":[{"user":"%d"},{"user":"%d","conversation":"%d"},{"user":"%d","conversation":"%d"},{"user":"123456789"}]}`,
		c.people[owner].id, c.people[owner].id, c.group, c.people[exMember].id, c.group)
	seen := func(r role) int {
		res := w.call(t, "PresenceService/GetPresence", ask, bearer(c.people[r].token))
		return strings.Count(res.body, "PRESENCE_STATE_BUSY")
	}
	assert.Equal(t, "a member sees the owner", seen(member), 1)
	assert.Equal(t, "who has left sees nobody", seen(exMember), 0)
	assert.Equal(t, "a stranger sees nobody", seen(stranger), 0)
	res := w.call(t, "PresenceService/ListOnline", fmt.Sprintf(`{"conversation":"%d"}`, c.group), bearer(c.people[member].token))
	for _, r := range []role{owner, groupAdmin, member, disabled} {
		assert.True(t, fmt.Sprint("is there: the ", r), strings.Contains(res.body, fmt.Sprintf(`"user":"%d"`, c.people[r].id)))
	}
	assert.Equal(t, "members who are there", strings.Count(res.body, "PRESENCE_STATE_BUSY"), 4)
}
