package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/conversation"
)

// groups are what links lead into.
type groups struct {
	conversation.Directory

	service *conversation.Service
}

// Head implements invite.Groups.
func (g groups) Head(ctx context.Context, id chat.ConversationID) (chat.Head, error) {
	return g.service.Head(ctx, id)
}

// Enter implements invite.Groups.
func (g groups) Enter(ctx context.Context, actor chat.UserID, id chat.ConversationID) (chat.Result, error) {
	return g.service.Enter(ctx, actor, id)
}

// INV-4, INV-6: somebody comes into a group that is not open, by a link.
func TestInvite(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ada, bob := w.person(t, false), w.person(t, false)
	id, err := w.conversations.CreateGroup(t.Context(), ada.id, conversation.NewGroup{ClientID: chat.ClientID{1}, Name: "Club"})
	assert.NoError(t, "group", err)
	join := w.call(t, "ConversationService/Join", fmt.Sprintf(`{"conversation":"%d"}`, id), bearer(bob.token))
	assert.Equal(t, "it is not open", join.reason(), "conversation_not_found")
	var made struct {
		Token string `json:"token"`
		Link  struct {
			ID string `json:"id"`
		} `json:"link"`
	}
	a := w.call(t, "InviteService/CreateLink", fmt.Sprintf(`{"conversation":"%d","most":1}`, id), bearer(ada.token))
	assert.NoError(t, a.body, json.Unmarshal([]byte(a.body), &made))
	token := fmt.Sprintf(`{"token":%q}`, made.Token)
	var seen struct {
		Preview struct {
			Name    string `json:"name"`
			Members int    `json:"members"`
		} `json:"preview"`
	}
	a = w.call(t, "InviteService/PreviewLink", token, bearer(bob.token))
	assert.NoError(t, a.body, json.Unmarshal([]byte(a.body), &seen))
	assert.True(t, "what it shows: "+a.body, seen.Preview.Name == "Club" && seen.Preview.Members == 1)
	for range 2 { // it may be repeated
		assert.Equal(t, "joining", w.call(t, "InviteService/JoinByLink", token, bearer(bob.token)).reason(), "ok")
	}
	m, err := w.store.Member(t.Context(), id, bob.id)
	assert.NoError(t, "member", err)
	assert.True(t, "a plain member", m.Current() && m.Role == chat.RoleMember)
	cyd := w.person(t, false)
	assert.Equal(t, "used up", w.call(t, "InviteService/JoinByLink", token, bearer(cyd.token)).reason(), "link_spent")
	revoke := fmt.Sprintf(`{"conversation":"%d","id":%q}`, id, made.Link.ID)
	assert.Equal(t, "revoking", w.call(t, "InviteService/RevokeLink", revoke, bearer(ada.token)).reason(), "ok")
	a = w.call(t, "InviteService/ListLinks", fmt.Sprintf(`{"conversation":"%d"}`, id), bearer(ada.token))
	var list struct {
		Links []struct {
			Used    int  `json:"used"`
			Revoked bool `json:"revoked"`
		} `json:"links"`
	}
	assert.NoError(t, a.body, json.Unmarshal([]byte(a.body), &list))
	assert.True(t, "the list: "+a.body, len(list.Links) == 1 && list.Links[0].Used == 1 && list.Links[0].Revoked)
}
