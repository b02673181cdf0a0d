package api_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/throng-im/throng/internal/api"
	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/social"
)

// HTTP-4, REL-1, REL-12: requests between two users and their lists, as JSON.
func TestSocial(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ada, bob := w.person(t, false), w.person(t, false)
	about := func(p person, method, more string) answer {
		other := ada
		if p.id == ada.id {
			other = bob
		}
		return w.call(t, "SocialService/"+method, fmt.Sprintf(`{"user":"%d"%s}`, other.id, more), bearer(p.token))
	}
	has := func(what string, a answer, texts ...string) {
		t.Helper()
		for _, text := range texts {
			if !strings.Contains(a.body, text) {
				t.Errorf("%s: %d %s lacks %s", what, a.status, a.body, text)
			}
		}
	}
	has("asking", about(ada, "RequestFriend", `,"note":"hello"`), "FRIENDSHIP_REQUESTED", "hello")
	has("bob's list", w.call(t, "SocialService/ListRelations", `{}`, bearer(bob.token)), "FRIENDSHIP_INCOMING", "hello", `"version":"1"`)
	has("accepting", about(bob, "AcceptFriend", ""), "FRIENDSHIP_FRIENDS")
	assert.Equal(t, "withdrawing", about(ada, "WithdrawRequest", "").reason(), "already_friends")
	has("following", about(ada, "SetFollow", `,"follow":true`), `"following":true`)
	has("remembering", about(ada, "SetRemark", `,"remark":"Bobby"`), "Bobby", "FRIENDSHIP_FRIENDS")
	if a := w.call(t, "SocialService/ListRelations", `{}`, bearer(bob.token)); strings.Contains(a.body, "Bobby") || strings.Contains(a.body, "following") {
		t.Errorf("bob reads what is ada's: %s", a.body)
	}
	assert.Equal(t, "an end", about(bob, "Unfriend", "").reason(), "ok")
	assert.Equal(t, "a cursor of nobody", w.call(t, "SocialService/ListRelations", `{"cursor":{"version":"18446744073709551615"}}`,
		bearer(bob.token)).reason(), "cursor_invalid")
	assert.Equal(t, "an id of nobody", w.call(t, "SocialService/Unfriend", `{"user":"0"}`, bearer(bob.token)).reason(), "id_invalid")
}

// REL-15: whoever deletes the account, or has it erased, leaves nothing with others.
func TestSocialGoesWithTheAccount(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, erase := range []func(p person) answer{
		func(p person) answer {
			return w.call(t, "AccountService/DeleteAccount", `{"password":"correct horse battery"}`, bearer(p.token))
		},
		func(p person) answer {
			return w.call(t, "AdminService/EraseUser", fmt.Sprintf(`{"user":"%d"}`, p.id), bearer(serverKey))
		},
	} {
		ada, bob := w.person(t, false), w.person(t, false)
		_, err := w.relations.Request(t.Context(), ada.id, bob.id, "")
		assert.NoError(t, "request", err)
		_, err = w.relations.Remark(t.Context(), bob.id, ada.id, "somebody")
		assert.NoError(t, "remark", err)
		assert.Equal(t, "erasing", erase(ada).reason(), "ok")
		p, err := w.relations.Since(t.Context(), bob.id, social.Cursor{}, 0)
		assert.NoError(t, "list", err)
		assert.Equal(t, "bob's list", len(p.Views), 0)
		rows, err := w.store.Relations().About(t.Context(), ada.id, 0, 10)
		assert.NoError(t, "rows", err)
		assert.Equal(t, "rows of who has gone", len(rows), 0)
		_, err = w.relations.Follow(t.Context(), bob.id, ada.id, true)
		assert.Equal(t, "following who has gone", chat.AsError(err).Reason, chat.ReasonUserNotFound)
	}
}

// finds lets look for people a few times.
type finds struct {
	sendOnly

	left int
}

// TakeFind implements api.Limits.
func (f *finds) TakeFind(chat.UserID) time.Duration {
	if f.left--; f.left < 0 {
		return 3 * time.Second
	}
	return 0
}

// REL-25, REL-26: who is found by the handle, by whom, and how often.
func TestFind(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ada, bob := w.person(t, false), w.person(t, false)
	u, err := w.accounts.Get(t.Context(), ada.id)
	assert.NoError(t, "ada", err)
	limits := &finds{left: 6}
	limited := newAPI(t, w, new(logBuffer), func(d *api.Deps) { d.Limits = limits })
	find := func(token, handle string) answer {
		return limited.call(t, "AccountService/FindUser", fmt.Sprintf(`{"handle":%q}`, handle), bearer(token))
	}
	set := func(unlisted bool) {
		a := w.call(t, "SocialService/UpdatePrivacy", fmt.Sprintf(`{"unlisted":%v}`, unlisted), bearer(ada.token))
		assert.Equal(t, "it says so: "+a.body, strings.Contains(a.body, `"unlisted":true`), unlisted)
	}
	assert.Equal(t, "found", find(bob.token, u.Handle).reason(), "ok")
	set(true)
	hidden, nobody := find(bob.token, u.Handle), find(bob.token, "nobody.of.that.name")
	assert.Equal(t, "not found", hidden.reason(), "user_not_found")
	message := func(a answer) string { // what tells calls apart goes
		var m struct {
			Code    string `json:"code"`
			Message string `json:"message"`
		}
		assert.NoError(t, a.body, json.Unmarshal([]byte(a.body), &m))
		return m.Code + m.Message
	}
	assert.Equal(t, "by the same answer", message(hidden), message(nobody))
	assert.Equal(t, "by oneself", find(ada.token, u.Handle).reason(), "ok")
	assert.Equal(t, "by a back end", find(serverKey, u.Handle).reason(), "ok")
	a := w.call(t, "AccountService/ListProfiles", fmt.Sprintf(`{"users":["%d"]}`, ada.id), bearer(bob.token))
	assert.True(t, "the profile stays: "+a.body, strings.Contains(a.body, fmt.Sprint(ada.id)))
	set(false)
	assert.Equal(t, "found again", find(bob.token, u.Handle).reason(), "ok")
	limits.left = 0
	assert.Equal(t, "too often", find(bob.token, u.Handle).reason(), "rate_limited")
	assert.Equal(t, "a back end looks on", find(serverKey, u.Handle).reason(), "ok")
}
