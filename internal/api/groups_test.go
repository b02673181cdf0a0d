package api_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/message"
)

// untried lets everybody try passwords as often as they like.
type untried struct{}

func (untried) TakeJoin(chat.UserID, chat.ConversationID) time.Duration { return 0 }

func (untried) TakePassword(chat.UserID) time.Duration { return 0 }

// single reads one entry of a log.
type single struct{ messages *message.Service }

func (s single) Entry(ctx context.Context, id chat.ConversationID, seq chat.Seq) (chat.Entry, error) {
	p, err := s.messages.Range(ctx, message.RangeQuery{Conversation: id, From: seq, To: seq, Limit: 1})
	if err != nil || len(p.Entries) == 0 {
		return chat.Entry{}, err
	}
	return p.Entries[0], nil
}

// GRP-1, GRP-2, GRP-9, GRP-11, GRP-13: a group with a password, its history, a ban and what its admins are told of it.
func TestGroupTerms(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := newCell(t, w)
	own, other := bearer(c.people[owner].token), bearer(c.people[stranger].token)
	call := func(procedure, body string, as ...option) answer {
		t.Helper()
		return w.call(t, "ConversationService/"+procedure, fmt.Sprintf(body, c.group), as...)
	}
	assert.Equal(t, "terms", call("UpdateGroup",
		`{"conversation":"%d","joining":"JOINING_PASSWORD","password":"open sesame","history":true,"announcement":"welcome"}`, own).reason(), ok)
	send := w.call(t, "MessageService/Send", fmt.Sprintf(`{"conversation":"%d","clientId":"AAAAAAAAAAAAAAAAAAAAAQ==","text":"before you came"}`, c.group), own)
	assert.Equal(t, "send", send.reason(), ok)
	assert.Equal(t, "no password", call("Join", `{"conversation":"%d"}`, other).reason(), "password_needed")
	assert.Equal(t, "a wrong one", call("Join", `{"conversation":"%d","password":"open"}`, other).reason(), "password_needed")
	in := call("Join", `{"conversation":"%d","password":"open sesame"}`, other)
	assert.Equal(t, "the right one", in.reason(), ok)
	for _, said := range []string{`"announcement":"welcome"`, `"joining":"JOINING_PASSWORD"`, `"history":true`} {
		assert.True(t, said, strings.Contains(strings.ReplaceAll(in.body, ": ", ":"), said))
	}
	assert.True(t, "nobody is told the password", !strings.Contains(in.body, "argon2") && !strings.Contains(in.body, "sesame"))
	page := w.call(t, "MessageService/ListEntries", fmt.Sprintf(`{"conversation":"%d"}`, c.group), other)
	assert.True(t, "reads what was said before", strings.Contains(page.body, "before you came") && !strings.Contains(page.body, "secret of the group"))

	whom := c.people[stranger].id
	ban := func(procedure string) answer {
		return w.call(t, "ConversationService/"+procedure, fmt.Sprintf(`{"conversation":"%d","user":"%d","reason":"spam"}`, c.group, whom), own)
	}
	assert.Equal(t, "ban", ban("BanMember").reason(), ok)
	assert.Equal(t, "coming back", call("Join", `{"conversation":"%d","password":"open sesame"}`, other).reason(), "banned")
	assert.True(t, "the list of bans", strings.Contains(call("ListBans", `{"conversation":"%d"}`, own).body, fmt.Sprintf("%d", whom)))
	acts := call("ListActs", `{"conversation":"%d","limit":1}`, own)
	assert.True(t, "the newest act, and more", strings.Contains(acts.body, "spam") && strings.Contains(acts.body, "nextPageToken"))
	assert.Equal(t, "unban", ban("Unban").reason(), ok)
	assert.True(t, "nobody is banned", !strings.Contains(call("ListBans", `{"conversation":"%d"}`, own).body, "user"))
	assert.Equal(t, "back", call("Join", `{"conversation":"%d","password":"open sesame"}`, other).reason(), ok)
	assert.Equal(t, "a nickname", call("SetNickname", `{"conversation":"%d","nickname":" Nick "}`, other).reason(), ok)
	assert.True(t, "in the list", strings.Contains(call("ListMembers", `{"conversation":"%d"}`, own).body, `"Nick"`))
	assert.Equal(t, "spaces are none", call("SetNickname", `{"conversation":"%d","user":"`+fmt.Sprint(whom)+`","nickname":" "}`, own).reason(), ok)
	assert.True(t, "out of the list", !strings.Contains(call("ListMembers", `{"conversation":"%d"}`, own).body, "nickname"))
}
