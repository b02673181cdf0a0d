package app_test

import (
	"net/http"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/throng-im/throng/client"
	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/limit"
)

// SEND-20: a conversation with many receivers is held to its part of the budget. Its senders learn the wait, whichever way they come;
// it holds for a new connection too, and a small conversation knows nothing of it.
func TestBusyConversationsTakeTurns(t *testing.T) {
	t.Parallel()
	c := settings(t)
	c.Tiers.SmallMembers = 2
	// Twenty deliveries a second, all of them for everybody: a message to three costs three.
	c.Limit.Deliveries = limit.Deliveries{Rate: 20 / float64(runtime.GOMAXPROCS(0)), Share: 1, Free: 2, Longest: 20 * time.Second, Keys: 10}
	s := begin(t, c)
	ada, bob, eve := connect(t, s, "ada"), connect(t, s, "bob"), connect(t, s, "eve")
	for _, p := range []*person{ada, bob, eve} {
		await(t, p, online(p))
	}
	status, out := call(t, s, ada.token, "ConversationService/CreateGroup", map[string]any{
		"clientId": wireID(1), "name": "town", "members": []string{bob.id, eve.id},
	})
	assert.Equal(t, "create", status, http.StatusOK)
	group := idOf(out["conversation"])
	n := 1
	send := func(p *person, conversation string) (int, map[string]any) {
		n++
		return call(t, s, p.token, "MessageService/Send", map[string]any{"conversation": conversation, "clientId": wireID(n), "text": "x"})
	}
	sent := 0
	for ; sent < 200; sent++ {
		if status, out = send(ada, group); status != http.StatusOK {
			break
		}
	}
	assert.Equal(t, "status", status, http.StatusTooManyRequests)
	assert.True(t, "what a burst holds, and not much more: "+strconv.Itoa(sent), sent >= 10 && sent < 60)
	assert.Equal(t, "reason", reasonOf(out), string(chat.ReasonConversationBusy))

	id, err := strconv.ParseUint(group, 10, 64)
	assert.NoError(t, "id", err)
	for range 100 { // use up what came back meanwhile
		if status, _ = send(ada, group); status != http.StatusOK {
			break
		}
	}
	var last *client.Sending
	for range 12 { // however slow the machine is, not all of them find a turn that came back meanwhile
		last, err = bob.Send(t.Context(), client.ConversationID(id), client.Text("on a session"))
		assert.NoError(t, "send", err)
	}
	told := await(t, bob, func(client.SendDelayed) bool { return true })
	assert.Equal(t, "reason on a session", told.Err.Reason, string(chat.ReasonConversationBusy))
	assert.True(t, "the wait is told", told.Err.RetryAfter > 0 && told.Err.RetryAfter <= 20*time.Second)
	_, err = last.Wait(t.Context())
	assert.NoError(t, "its turn comes", err)

	status, out = call(t, s, ada.token, "ConversationService/OpenDirect", map[string]any{"user": bob.id})
	assert.Equal(t, "open", status, http.StatusOK)
	direct := idOf(out["conversation"])
	for range 50 {
		status, _ = send(ada, direct)
		assert.Equal(t, "two people are not limited", status, http.StatusOK)
	}
}

// reasonOf is the reason word of an error's answer.
func reasonOf(out map[string]any) string {
	list, _ := out["details"].([]any)
	for _, d := range list {
		detail, _ := d.(map[string]any)
		debug, _ := detail["debug"].(map[string]any)
		reason, _ := debug["reason"].(string)
		return reason
	}
	return ""
}

// GRP-3: who tries passwords, and who sets them, waits; a few who tried too often keep nobody else out.
func TestPasswordsOfGroupsAreLimited(t *testing.T) {
	t.Parallel()
	c := settings(t)
	slow := func(burst int) limit.Bucket { return limit.Bucket{Rate: 1e-3, Burst: burst, Keys: 100} }
	c.Limit.JoinUser, c.Limit.JoinConversation = slow(2), slow(12)
	s := begin(t, c)
	ada, _ := signUp(t, s, "ada", "")
	_, out := call(t, s, ada, "ConversationService/CreateGroup", map[string]any{"clientId": wireID(1), "name": "club"})
	group := idOf(out["conversation"])
	// tried is how often one was let try until one had to wait, and what one was told before. Shares let through a little more than the burst.
	tried := func(token, procedure string) (n int, told string) {
		for {
			_, out := call(t, s, token, "ConversationService/"+procedure, map[string]any{"conversation": group, "password": "guess"})
			switch reason := reasonOf(out); {
			case reason == string(chat.ReasonRateLimited):
				return n, told
			case n == 10:
				t.Fatalf("%s was answered %q ten times", procedure, reason)
			default:
				n, told = n+1, reason
			}
		}
	}
	n, told := tried(ada, "UpdateGroup")
	assert.True(t, "set "+strconv.Itoa(n)+" times: "+told, n >= 2 && n <= 4 && told == "")
	tim, _ := signUp(t, s, "tim", "")
	n, told = tried(tim, "Join")
	assert.Equal(t, "the right one", told, "")
	assert.True(t, "joined "+strconv.Itoa(n)+" times", n >= 2 && n <= 4)
	for range 20 { // more than the group's own limit lets through
		_, out = call(t, s, tim, "ConversationService/Join", map[string]any{"conversation": group, "password": "guess"})
		assert.Equal(t, "tim, again", reasonOf(out), string(chat.ReasonRateLimited))
	}
	una, _ := signUp(t, s, "una", "")
	_, out = call(t, s, una, "ConversationService/Join", map[string]any{"conversation": group, "password": "guess"})
	assert.Equal(t, "somebody else", reasonOf(out), "")
	_, out = call(t, s, ada, "ConversationService/UpdateGroup", map[string]any{"conversation": group, "open": true})
	assert.Equal(t, "settings without a password do not wait", reasonOf(out), "")
}
