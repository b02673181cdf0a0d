package api_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/throng-im/throng/internal/account"
	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/message"
	"github.com/throng-im/throng/internal/social"
)

// Entry is what a member may read.
func (h halls) Entry(ctx context.Context, user chat.UserID, id chat.ConversationID, seq chat.Seq) (chat.Entry, error) {
	page, err := h.messages.Range(ctx, message.RangeQuery{Reader: user, Conversation: id, From: seq, To: seq, Limit: 1})
	if err != nil || len(page.Entries) == 0 {
		return chat.Entry{}, chat.Errorf(chat.CodeNotFound, chat.ReasonMessageNotFound, "there is no such message for you")
	}
	return page.Entries[0], nil
}

// hiders know who hides what.
type hiders struct {
	*account.Service

	relations *social.Service
}

func (h hiders) Blockers(ctx context.Context, user chat.UserID, of []chat.UserID) ([]chat.UserID, error) {
	return h.relations.Blockers(ctx, user, of)
}

func (h hiders) Blocked(ctx context.Context, user chat.UserID, of []chat.UserID) ([]chat.UserID, error) {
	return h.relations.Blocked(ctx, user, of)
}

// RCP-7, RCP-10, RCP-11, RCP-12: over HTTP members see who has read, but for who does not tell and who has blocked them.
func TestReceipts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := newCell(t, w)
	ask := fmt.Sprintf(`{"conversation":"%d","seq":"%d"}`, c.group, c.head)
	reads := func(r role) string {
		t.Helper()
		res := w.call(t, "ReceiptService/GetReceipts", ask, bearer(c.people[r].token))
		assert.Equal(t, "status", res.status, 200)
		return res.body
	}
	all := fmt.Sprintf(`"of":%d`, 4)
	assert.True(t, "nobody yet: "+reads(owner), reads(owner) == "{"+all+"}")
	for _, r := range []role{member, groupAdmin} {
		res := w.call(t, "MessageService/MarkRead", ask, bearer(c.people[r].token))
		assert.Equal(t, "marking", res.status, 200)
	}
	ids := func(roles ...role) string {
		out := ""
		for i, r := range roles {
			if i > 0 {
				out += ","
			}
			out += fmt.Sprintf("%q", fmt.Sprint(c.people[r].id))
		}
		return "[" + out + "]"
	}
	both := ids(member, groupAdmin)
	assert.Equal(t, "two", reads(owner), fmt.Sprintf(`{"read":%s,"got":%s,"readCount":2,"gotCount":2,%s}`, both, both, all))
	res := w.call(t, "SocialService/UpdatePrivacy", `{"noReadReceipts":true}`, bearer(c.people[member].token))
	assert.Equal(t, "hiding", res.body, `{"privacy":{"messagesFrom":"MESSAGES_FROM_ALL","noReadReceipts":true}}`)
	assert.Equal(t, "one hides", reads(owner), fmt.Sprintf(`{"read":%s,"got":%s,"readCount":1,"gotCount":2,%s}`, ids(groupAdmin), both, all))
	assert.Equal(t, "and sees nobody", reads(member), fmt.Sprintf(`{"got":%s,"gotCount":2,%s,"readHidden":true}`, both, all))
	res = w.call(t, "SocialService/GetPrivacy", `{}`, bearer(c.people[member].token))
	assert.Equal(t, "the switch", res.body, `{"privacy":{"messagesFrom":"MESSAGES_FROM_ALL","noReadReceipts":true}}`)
	_, err := w.relations.Block(t.Context(), c.people[groupAdmin].id, c.people[owner].id, true)
	assert.NoError(t, "blocking", err)
	assert.Equal(t, "who is blocked", reads(owner), fmt.Sprintf(`{"got":%s,"gotCount":1,"of":3}`, ids(member)))
}

// RCP-20, RCP-21: a mark is the user's own, and reading ends it, also where there is nothing new to read.
func TestMarkedUnread(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := newCell(t, w)
	reader := c.people[member]
	ask := fmt.Sprintf(`{"conversation":"%d","seq":"%d"}`, c.group, c.head)
	marked := func(r role) bool {
		t.Helper()
		v, err := w.deps.Timelines.View(t.Context(), c.people[r].id, c.group)
		assert.NoError(t, "view", err)
		return v.Settings.MarkedUnread
	}
	do := func(procedure, body string) {
		t.Helper()
		assert.Equal(t, procedure, w.call(t, procedure, body, bearer(reader.token)).status, 200)
	}
	do("MessageService/MarkRead", ask)
	do("ConversationService/UpdateSettings", fmt.Sprintf(`{"conversation":"%d","markedUnread":true}`, c.group))
	assert.True(t, "marked, for oneself alone", marked(member) && !marked(owner))
	do("MessageService/MarkRead", fmt.Sprintf(`{"conversation":"%d","seq":"%d"}`, c.group, c.head-1))
	assert.True(t, "an older position says nothing", marked(member))
	do("MessageService/MarkRead", ask)
	assert.True(t, "read again", !marked(member))
}

// RCP-30, RCP-32, RCP-33: what somebody deletes for oneself is gone for that one on every way to read, and counts no more; the others have it.
func TestHideEntries(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := newCell(t, w)
	first := c.head
	for _, text := range []string{"two", "three", "four"} {
		c.head = w.send(t, c.people[owner].id, c.group, text).Seq
	}
	get := func(r role, procedure, body string) string {
		t.Helper()
		res := w.call(t, procedure, body, bearer(c.people[r].token))
		assert.Equal(t, procedure, res.status, 200)
		return res.body
	}
	shows := func(what string, r role, text string, want bool) {
		t.Helper()
		list := get(r, "MessageService/ListEntries", fmt.Sprintf(`{"conversation":"%d"}`, c.group))
		sync := get(r, "MessageService/Sync", `{"entries":20}`)
		assert.Equal(t, what, []bool{strings.Contains(list, text), strings.Contains(sync, text)}, []bool{want, want})
	}
	unread := func(r role) uint64 {
		t.Helper()
		for end := time.Now().Add(30 * time.Second); ; { // the total follows the log
			v, err := w.deps.Timelines.View(t.Context(), c.people[r].id, c.group)
			assert.NoError(t, "view", err)
			d, err := w.deps.Timelines.Digest(t.Context(), c.people[r].id)
			assert.NoError(t, "digest", err)
			if d.TotalUnread == v.Unread {
				return v.Unread
			}
			assert.True(t, fmt.Sprintf("the total is the sum: %d, %d", d.TotalUnread, v.Unread), time.Now().Before(end))
			<-time.After(time.Millisecond)
		}
	}
	shows("before", member, "three", true)
	assert.Equal(t, "unread before", unread(member), uint64(4))
	hide := fmt.Sprintf(`{"conversation":"%d","spans":[{"from":"%d","to":"%d"},{"from":"%d","to":"%d"}]}`, c.group, first, first, c.head-1, c.head)
	answer := get(member, "ReceiptService/HideEntries", hide)
	assert.Equal(t, "the answer", answer, fmt.Sprintf(
		`{"settings":{"hidden":[{"from":"%d","to":"%d","lastOrdinal":"1"},{"from":"%d","to":"%d","beforeOrdinal":"2","lastOrdinal":"4"}]}}`, first, first, c.head-1, c.head))
	for text, want := range map[string]bool{"secret": false, "two": true, "three": false, "four": false} {
		shows("afterwards", member, text, want)
		shows("for the others", owner, text, true)
	}
	assert.Equal(t, "unread", []uint64{unread(member), unread(groupAdmin)}, []uint64{1, 4})
	assert.Equal(t, "again", get(member, "ReceiptService/HideEntries", hide), answer)
	get(member, "MessageService/MarkRead", fmt.Sprintf(`{"conversation":"%d","seq":"%d"}`, c.group, first+1))
	assert.Equal(t, "read", unread(member), uint64(0))
	w.send(t, c.people[owner].id, c.group, "five")
	assert.Equal(t, "and new", unread(member), uint64(1))
}
