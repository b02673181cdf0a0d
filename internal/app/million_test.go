//go:build unix

package app_test

import (
	"fmt"
	"net/http"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/throng-im/throng/internal/account"
	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/config"
)

// TestMillionMembers makes a group of a million over the API, in calls of 1,000, on disk, until the timeline of the last one has
// it. It takes minutes, most of them for making the users, so it runs on demand: THRONG_MILLION=1 go test ./internal/app -run Million -v
func TestMillionMembers(t *testing.T) {
	if os.Getenv("THRONG_MILLION") == "" {
		t.Skip("takes minutes: set THRONG_MILLION=1")
	}
	const calls, each = 1_000, 1_000
	const most = 60 * time.Second
	key := "key-of-the-million-0123456789"
	c := settings(t)
	c.Memory.Budget = config.Default().Memory.Budget
	c.Account.ServerKeys = []account.Secret{account.Secret(key)}
	s := begin(t, c)
	must := func(token, procedure string, req map[string]any) map[string]any {
		t.Helper()
		status, out := call(t, s, token, procedure, req)
		if status != http.StatusOK {
			t.Fatalf("%s answered %d: %v", procedure, status, out)
		}
		return out
	}
	ids := make([][]any, calls)
	for i := range ids {
		users := make([]map[string]any, each)
		for j := range users {
			users[j] = map[string]any{"externalId": fmt.Sprintf("user-%d-%d", i, j)}
		}
		ids[i], _ = must(key, "AdminService/CreateUsers", map[string]any{"users": users})["ids"].([]any)
		assert.Equal(t, "users", len(ids[i]), each)
	}
	token, _ := signUp(t, s, "owner", "")
	made := must(token, "ConversationService/CreateGroup", map[string]any{"clientId": "AAAAAAAAAAAAAAAAAAAAAQ==", "name": "everybody"})
	conversation, _ := made["conversation"].(map[string]any)
	group := conversation["id"]

	began, spent := time.Now(), processorTime(t)
	for _, users := range ids {
		must(key, "ConversationService/AddMembers", map[string]any{"conversation": group, "users": users})
	}
	added := time.Since(began)
	last := fmt.Sprint(ids[calls-1][each-1])
	grant := must(key, "AdminService/IssueToken", map[string]any{"user": last, "device": map[string]any{"name": "last"}})
	tokens, _ := grant["tokens"].(map[string]any)
	theirs := fmt.Sprint(tokens["accessToken"])
	for { // an answer waits for the timelines for a while, so this is no busy loop
		if list, _ := must(theirs, "ConversationService/ListConversations", map[string]any{})["conversations"].([]any); len(list) == 1 {
			break
		}
	}
	followed := time.Since(began)
	spent = processorTime(t) - spent
	began = time.Now()
	admins := must(key, "ConversationService/ListMembers", map[string]any{"conversation": group, "role": "ROLE_OWNER"})
	found := time.Since(began)
	t.Logf("added in %s, followed after %s, %s of processor time, the test's own included; the owner found in %s", added, followed, spent, found)
	assert.Equal(t, "members", admins["memberCount"], any(float64(calls*each+1)))
	// On a machine that does other things besides, the time by the clock is theirs too.
	assert.True(t, fmt.Sprintf("%s, or %s of processor time, is at most %s", followed, spent, most), min(followed, spent) <= most)
}

// processorTime is what the process has used, of all cores.
func processorTime(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	assert.NoError(t, "getrusage", syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
