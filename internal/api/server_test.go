package api_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"testing"

	"github.com/throng-im/throng/internal/assert"
)

func b64(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

// The whole way of two people over HTTP.
func TestTwoPeopleChat(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ada := w.call(t, "AccountService/SignUp", `{"handle":"ada","password":"correct horse battery","name":"Ada","device":{"name":"curl"}}`)
	assert.Equal(t, "sign up", ada.reason(), "ok")
	bob := w.call(t, "AccountService/SignUp", `{"handle":"bob","password":"correct horse battery"}`)
	assert.Equal(t, "sign up", bob.reason(), "ok")
	adas, bobs := bearer(ada.text("tokens.accessToken")), bearer(bob.text("tokens.accessToken"))

	open := w.call(t, "ConversationService/OpenDirect", fmt.Sprintf(`{"user":%q}`, bob.text("user.id")), adas)
	assert.Equal(t, "open direct", open.reason(), "ok")
	conversation := open.text("conversation.id")
	assert.Equal(t, "peer", open.text("conversation.peer"), bob.text("user.id"))

	client := w.clientID()
	send := fmt.Sprintf(`{"conversation":%q,"clientId":%q,"text":"hello, Bob"}`, conversation, b64(client[:]))
	first := w.call(t, "MessageService/Send", send, adas)
	assert.Equal(t, "send", first.reason(), "ok")
	again := w.call(t, "MessageService/Send", send, adas)
	assert.Equal(t, "SEND-5 seq of the repeat", again.text("seq"), first.text("seq"))
	assert.Equal(t, "SEND-5 repeat", again.at("repeat"), any(true))

	sync := w.call(t, "MessageService/Sync", `{"entries":20}`, bobs)
	assert.Equal(t, "sync", sync.reason(), "ok")
	assert.Equal(t, "unread", sync.text("totalUnread"), "1")
	list, _ := sync.at("conversations").([]any)
	assert.Equal(t, "conversations", len(list), 1)

	page := w.call(t, "MessageService/ListEntries", fmt.Sprintf(`{"conversation":%q}`, conversation), bobs)
	entries, _ := page.at("entries").([]any)
	last, _ := entries[len(entries)-1].(map[string]any)
	assert.Equal(t, "text", last["text"], any("hello, Bob"))
	assert.Equal(t, "SEND-14 client id of another", last["clientId"], nil)

	read := w.call(t, "MessageService/MarkRead", fmt.Sprintf(`{"conversation":%q,"seq":%q}`, conversation, first.text("seq")), bobs)
	assert.Equal(t, "mark read", read.reason(), "ok")
	assert.Equal(t, "unread after reading", read.text("unread"), "")
	assert.Equal(t, "status", read.status, http.StatusOK)
}
