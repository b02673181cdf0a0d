package api_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/conversation"
)

// An export holds what the person wrote and what stands about them, and nothing of others.
func TestExportData(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := newCell(t, w)
	p := c.people[member]
	for i := range 250 { // more than a page
		w.send(t, p.id, c.group, fmt.Sprintf("message %d of the person", i))
	}
	_, err := w.conversations.OpenDirect(t.Context(), c.other.id, p.id)
	assert.NoError(t, "opening a direct conversation", err)
	a, records := w.streamed(t, bearer(p.token))
	assert.Equal(t, "export", a.reason(), "ok")
	assert.Equal(t, "users", len(records["user"]), 1)
	assert.Equal(t, "devices", len(records["device"]), 1)
	assert.Equal(t, "conversations", len(records["conversation"]), 2)
	assert.Equal(t, "messages", len(records["message"]), 250)
	assert.True(t, "the first message", strings.Contains(records["message"][0], `"message 0 of the person"`))
	assert.True(t, "nothing of others", !strings.Contains(a.body, "secret of the group"))

	// Who was removed still gets what it wrote before.
	_, err = w.conversations.Remove(t.Context(), c.people[owner].id, c.group, p.id, "")
	assert.NoError(t, "removing", err)
	_, records = w.streamed(t, bearer(p.token))
	assert.Equal(t, "messages after the removal", len(records["message"]), 250)
}

// Erasing leaves the places and takes the content, then the account.
func TestEraseUser(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := newCell(t, w)
	p := c.people[member]
	seq := w.send(t, p.id, c.group, "to be erased").Seq
	a := w.call(t, "AdminService/EraseUser", fmt.Sprintf(`{"user":"%d","messages":true}`, p.id), bearer(c.people[administrator].token))
	assert.Equal(t, "erase", a.reason(), "ok")
	assert.Equal(t, "messages erased", a.text("messagesErased"), "1")
	page := w.call(t, "MessageService/ListEntries", c.fields.Replace(fmt.Sprintf(`{"conversation":"$group","from":"%d"}`, seq)), bearer(c.people[owner].token))
	assert.True(t, "the content is gone", !strings.Contains(page.body, "to be erased"))
	assert.True(t, "its place stays", strings.Contains(page.body, "REASON_ERASED"))
	assert.Equal(t, "the account is gone", w.call(t, "AccountService/GetMe", `{}`, bearer(p.token)).status, 401)
	profiles := w.call(t, "AccountService/ListProfiles", fmt.Sprintf(`{"users":["%d"]}`, p.id), bearer(c.other.token))
	assert.True(t, "the name is gone", !strings.Contains(profiles.body, p.handle))
}

// DLV-13: a profile as its owner writes it and as others ask for it. Attributes that are given count, whatever set_attributes says.
func TestProfile(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ada, bob := w.person(t, false), w.person(t, false)
	update := func(body string) answer { return w.call(t, "AccountService/UpdateProfile", body, bearer(ada.token)) }
	team := func(a answer) string { return a.text("user.attributes.team") }
	assert.Equal(t, "given", team(update(`{"name":"爱丽丝","attributes":{"team":"ops"}}`)), "ops")
	assert.Equal(t, "left out", team(update(`{"avatar":"a/1"}`)), "ops")
	assert.Equal(t, "removed", team(update(`{"setAttributes":true}`)), "")
	for _, name := range []string{`a\nb`, `a\u001b[31m`, `\u202enimda`, `a\u2028b`} {
		assert.Equal(t, name, update(`{"name":"`+name+`"}`).reason(), "field_invalid")
	}
	seen := w.call(t, "AccountService/ListProfiles", fmt.Sprintf(`{"users":["%d"]}`, ada.id), bearer(bob.token))
	want := fmt.Sprintf(`{"profiles":[{"user":"%d","name":"爱丽丝","avatar":"a/1","version":"4"}]}`, ada.id)
	assert.Equal(t, "what others see", seen.body, want)
}

// SYNC-16, SYNC-17, SYNC-19: a person's list, settings and counts over HTTP.
func TestListAndSettings(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ada, bob := w.person(t, false), w.person(t, false)
	var ids []chat.ConversationID
	for range 3 {
		id, err := w.conversations.OpenDirect(t.Context(), ada.id, w.person(t, false).id)
		assert.NoError(t, "opening", err)
		ids = append(ids, id)
	}
	with, err := w.conversations.OpenDirect(t.Context(), bob.id, ada.id)
	assert.NoError(t, "opening", err)
	w.send(t, bob.id, with, "one")
	w.send(t, bob.id, with, "two")

	list := func(body string) (out []string, a answer) {
		a = w.call(t, "ConversationService/ListConversations", body, bearer(ada.token))
		assert.Equal(t, "list", a.reason(), "ok")
		all, _ := a.at("conversations").([]any)
		for _, c := range all {
			m, _ := c.(map[string]any)
			id, _ := m["id"].(string)
			out = append(out, id)
		}
		return out, a
	}
	all, a := list(`{}`)
	assert.Equal(t, "conversations", len(all), 4)
	assert.Equal(t, "newest first", all[0], fmt.Sprint(with))
	assert.Equal(t, "total", a.text("totalUnread"), "2")

	pin := w.call(t, "ConversationService/UpdateSettings", fmt.Sprintf(`{"conversation":"%d","pinned":true}`, ids[0]), bearer(ada.token))
	assert.Equal(t, "pinned", pin.at("settings.pinned"), any(true))
	mute := w.call(t, "ConversationService/UpdateSettings", fmt.Sprintf(`{"conversation":"%d","muted":true,"draft":"dear Bob"}`, with), bearer(ada.token))
	assert.Equal(t, "draft", mute.text("settings.draft"), "dear Bob")
	all, a = list(`{"limit":3}`)
	assert.Equal(t, "pinned first", all[0], fmt.Sprint(ids[0]))
	assert.Equal(t, "SYNC-17 muted ones do not count", a.text("totalUnread"), "")
	rest, last := list(fmt.Sprintf(`{"limit":3,"pageToken":%q}`, a.text("nextPageToken")))
	assert.Equal(t, "second page", len(rest), 1)
	assert.Equal(t, "its next token", last.text("nextPageToken"), "")
}

// A back end fills a group in chunks, in its own name.
func TestBackEndAddsMembers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	boss := w.person(t, false)
	client := w.clientID()
	made := w.call(t, "ConversationService/CreateGroup", fmt.Sprintf(`{"clientId":%q,"name":"crowd"}`, b64(client[:])), bearer(boss.token))
	assert.Equal(t, "group", made.reason(), "ok")
	users := make([]string, 1000)
	for i := range users {
		users[i] = fmt.Sprintf(`{"externalId":"e-%d"}`, i)
	}
	created := w.call(t, "AdminService/CreateUsers", `{"users":[`+strings.Join(users, ",")+`]}`, bearer(serverKey))
	assert.Equal(t, "users", created.at("created"), any(1000.0))
	list, _ := created.at("ids").([]any)
	ids := make([]string, len(list))
	for i, v := range list {
		ids[i] = fmt.Sprintf("%q", v)
	}
	added := w.call(t, "ConversationService/AddMembers", fmt.Sprintf(`{"conversation":%q,"users":[%s]}`, made.text("conversation.id"), strings.Join(ids, ",")), bearer(serverKey))
	assert.Equal(t, "added", added.at("added"), any(1000.0))

	seen, token := 0, ""
	for pages := 0; pages < 10; pages++ {
		page := w.call(t, "ConversationService/ListMembers", fmt.Sprintf(`{"conversation":%q,"limit":200,"pageToken":%q}`, made.text("conversation.id"), token), bearer(boss.token))
		assert.Equal(t, "page", page.reason(), "ok")
		members, _ := page.at("members").([]any)
		seen += len(members)
		if token = page.text("nextPageToken"); token == "" {
			break
		}
	}
	assert.Equal(t, "members seen", seen, 1001)
}

// Whose account ends leaves the groups, and the group that it owned goes on.
func TestDeletedOwnerLeavesGroups(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := newCell(t, w)
	alone, err := w.conversations.CreateGroup(t.Context(), c.people[owner].id, conversation.NewGroup{ClientID: w.clientID(), Name: "alone"})
	assert.NoError(t, "making a group", err)
	a := w.call(t, "AccountService/DeleteAccount", `{}`, bearer(c.people[owner].token))
	assert.Equal(t, "delete", a.reason(), "ok")
	got, err := w.store.Conversation(t.Context(), c.group)
	assert.NoError(t, "reading the group", err)
	assert.Equal(t, "the admin inherits", got.Owner, c.people[groupAdmin].id)
	m, err := w.store.Member(t.Context(), c.group, c.people[owner].id)
	assert.NoError(t, "reading the member", err)
	assert.True(t, "the owner has left", !m.Current())
	heads, err := w.store.Heads(t.Context(), []chat.ConversationID{alone})
	assert.NoError(t, "reading the head", err)
	assert.True(t, "an empty group ends", heads[0].Dissolved)
}
