package api_test

import (
	"fmt"
	"testing"

	"github.com/throng-im/throng/internal/assert"
)

// HTTP-12: what names a client id, a goal or a key may be called again; the second call changes nothing.
func TestCallsMayBeRepeated(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	anna, bert, carl := w.person(t, true), w.person(t, false), w.person(t, false)
	twice := func(procedure, body string) (first, second answer) {
		t.Helper()
		first = w.call(t, procedure, body, bearer(anna.token))
		second = w.call(t, procedure, body, bearer(anna.token))
		assert.Equal(t, procedure, first.reason(), "ok")
		assert.Equal(t, procedure+" again", second.reason(), "ok")
		return first, second
	}
	const client = `"clientId":"AAAAAAAAAAAAAAAAAAAABQ=="`
	one, two := twice("ConversationService/CreateGroup", fmt.Sprintf(`{%s,"name":"crowd","members":["%d"]}`, client, bert.id))
	group := one.text("conversation.id")
	assert.True(t, "one group", group != "" && two.text("conversation.id") == group)
	one, two = twice("ConversationService/OpenDirect", fmt.Sprintf(`{"user":"%d"}`, bert.id))
	assert.Equal(t, "one direct conversation", two.text("conversation.id"), one.text("conversation.id"))
	one, two = twice("MessageService/Send", fmt.Sprintf(`{"conversation":%q,%s,"text":"once"}`, group, client))
	assert.True(t, "one message", one.text("seq") == two.text("seq") && one.text("seq") != "")
	one, two = twice("ConversationService/AddMembers", fmt.Sprintf(`{"conversation":%q,"users":["%d"]}`, group, carl.id))
	assert.True(t, "one member more", one.at("added") == any(1.0) && two.at("added") == nil)
	twice("MessageService/MarkRead", fmt.Sprintf(`{"conversation":%q,"seq":"1"}`, group))
	twice("ConversationService/SetRole", fmt.Sprintf(`{"conversation":%q,"user":"%d","role":"ROLE_ADMIN"}`, group, carl.id))
	one, two = twice("AdminService/CreateUsers", `{"users":[{"externalId":"e-1"}]}`)
	assert.True(t, "one user", fmt.Sprint(one.at("ids")) == fmt.Sprint(two.at("ids")) && one.at("created") == any(1.0) && two.at("created") == nil)

	head := w.call(t, "ConversationService/GetConversation", fmt.Sprintf(`{"conversation":%q}`, group), bearer(anna.token))
	before := head.body
	twice("MessageService/Send", fmt.Sprintf(`{"conversation":%q,%s,"text":"once"}`, group, client))
	twice("ConversationService/AddMembers", fmt.Sprintf(`{"conversation":%q,"users":["%d"]}`, group, carl.id))
	after := w.call(t, "ConversationService/GetConversation", fmt.Sprintf(`{"conversation":%q}`, group), bearer(anna.token))
	assert.Equal(t, "the conversation", after.body, before)
}
