package message_test

import (
	"testing"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/message"
)

func reply(sender chat.UserID, client byte, to chat.Seq) *chat.Draft {
	d := text(sender, client, "yes")
	d.Refers = &chat.Refers{ReplyTo: to}
	return d
}

// QUO-1 to QUO-3.
func TestWhatMayBeAnswered(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		sender chat.UserID
		to     chat.Seq
		want   chat.Reason
	}{
		"a text":                   {4, 3, ""},
		"one's own":                {3, 3, ""},
		"media":                    {4, 4, ""},
		"by the server":            {0, 3, ""},
		"an event":                 {4, 1, chat.ReasonMessageNotFound},
		"an edit":                  {4, 6, chat.ReasonMessageNotFound},
		"itself":                   {4, 10, chat.ReasonMessageNotFound},
		"what is not there":        {4, 1 << 60, chat.ReasonMessageNotFound},
		"what was taken back":      {4, 5, chat.ReasonMessageGone},
		"from before coming":       {5, 3, chat.ReasonMessageNotFound},
		"gone, from before coming": {5, 5, chat.ReasonMessageNotFound},
		"deleted for oneself":      {1, 4, chat.ReasonMessageNotFound},
		"by a stranger":            {9, 3, chat.ReasonConversationNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := amendWorld(t)
			w.must(t, &chat.Draft{Conversation: group, Sender: 3, ClientID: chat.ClientID{6}, Body: chat.Edit{Target: 3, Body: chat.Text{Text: "new"}}})
			w.must(t, &chat.Draft{Conversation: group, Sender: 4, ClientID: chat.ClientID{7}, Body: chat.Recall{Target: 5}})
			w.must(t, change(1, chat.MembersChanged{Action: chat.MemberAdded, Users: users(5)}))
			w.must(t, &chat.Draft{Conversation: group, Sender: 1, Hide: []chat.Span{{From: 4, To: 4}}})
			before := w.heads[group]
			r := w.do(reply(row.sender, 9, row.to))
			assert.Equal(t, "reason", reason(r), row.want)
			if row.want != "" {
				assert.Equal(t, "the head", w.heads[group], before)
				return
			}
			assert.Equal(t, "what it answers", w.entries[[2]uint64{1, uint64(r.Seq)}].Refers.Reply(), row.to)
		})
	}
}

// QUO-4: only messages answer, and their edits leave it.
func TestOnlyMessagesAnswer(t *testing.T) {
	t.Parallel()
	w := amendWorld(t)
	for _, b := range []chat.Body{
		chat.Edit{Target: 3, Body: chat.Text{Text: "new"}}, chat.Recall{Target: 3}, chat.Dissolved{}, chat.MembersChanged{Action: chat.MemberLeft, Users: users(3)},
	} {
		d := &chat.Draft{Conversation: group, Sender: 3, ClientID: chat.ClientID{9}, Body: b, Refers: &chat.Refers{ReplyTo: 3}}
		assert.Equal(t, "reason", reason(w.do(d)), chat.ReasonBodyInvalid)
	}
	w.must(t, reply(3, 10, 5))
	w.must(t, &chat.Draft{Conversation: group, Sender: 3, ClientID: chat.ClientID{11}, Body: chat.Edit{Target: 6, Body: chat.Text{Text: "no"}}})
	assert.Equal(t, "an edited reply", w.entries[[2]uint64{1, 6}].Refers.Reply(), chat.Seq(5))
	w.must(t, &chat.Draft{Conversation: group, Sender: 3, ClientID: chat.ClientID{12}, Body: chat.Recall{Target: 6}})
	assert.True(t, "one that was taken back", w.entries[[2]uint64{1, 6}].Refers == nil)
}

// QUO-5: a repeat answers the same message.
func TestARepeatedReply(t *testing.T) {
	t.Parallel()
	w := amendWorld(t)
	first := w.must(t, reply(3, 10, 5))
	w.must(t, &chat.Draft{Conversation: group, Sender: 4, ClientID: chat.ClientID{7}, Body: chat.Recall{Target: 5}})
	again := w.must(t, reply(3, 10, 5))
	assert.True(t, "a repeat", again.Repeat && again.Seq == first.Seq)
	assert.Equal(t, "of another answer", reason(w.do(reply(3, 10, 4))), chat.ReasonIdempotencyConflict)
	assert.Equal(t, "of none", reason(w.do(text(3, 10, "yes"))), chat.ReasonIdempotencyConflict)
}

// MEN-1, MEN-2: members are mentioned, others passed over.
func TestWhoIsMentioned(t *testing.T) {
	t.Parallel()
	mention := func(users ...chat.UserID) *chat.Draft {
		d := text(member, 50, "@")
		d.Refers = &chat.Refers{Mentions: users}
		return d
	}
	for name, row := range map[string]struct {
		users []chat.UserID
		want  []chat.UserID
	}{
		"members":              {users(owner, admin), users(owner, admin)},
		"oneself":              {users(member), users(member)},
		"somebody twice":       {users(owner, admin, owner), users(owner, admin)},
		"who left, a stranger": {users(gone, stranger, admin), users(admin)},
		"nobody that is here":  {users(gone, stranger), nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := town(t)
			d := mention(row.users...)
			r := w.must(t, d)
			refers := w.entries[[2]uint64{1, uint64(r.Seq)}].Refers
			assert.Equal(t, "mentioned", refers.Mentions, row.want)
			assert.Equal(t, "others were passed over", refers.Passed, len(row.want) < len(row.users))
			assert.Equal(t, "the draft", d.Refers.Mentions, row.users)
			assert.True(t, "a repeat", w.must(t, mention(row.users...)).Repeat)
			assert.Equal(t, "of others", reason(w.do(mention(append(users(777), row.users...)...))), chat.ReasonIdempotencyConflict)
		})
	}
	many := make([]chat.UserID, chat.MaxMentions+1)
	for i := range many {
		many[i] = owner
	}
	assert.Equal(t, "too many", reason(town(t).do(mention(many...))), chat.ReasonTooManyMentions)
	assert.Equal(t, "no id", reason(town(t).do(mention(0))), chat.ReasonIDInvalid)
	edit := change(member, chat.Edit{Target: 4, Body: chat.Text{Text: "new"}})
	edit.ClientID, edit.Refers = chat.ClientID{51}, &chat.Refers{Mentions: users(owner)}
	assert.Equal(t, "by an edit", reason(town(t).do(edit)), chat.ReasonBodyInvalid) // MEN-5
}

// MEN-3: in large groups only admins mention all.
func TestWhoMentionsAll(t *testing.T) {
	t.Parallel()
	all := func(sender chat.UserID, id chat.ConversationID) *chat.Draft {
		return &chat.Draft{Conversation: id, Sender: sender, ClientID: chat.ClientID{52}, Body: chat.Text{Text: "@all"}, Refers: &chat.Refers{All: true}}
	}
	for name, row := range map[string]struct {
		most   uint32
		sender chat.UserID
		id     chat.ConversationID
		want   chat.Reason
	}{
		"at the bound":           {3, member, group, ""},
		"above it":               {2, member, group, chat.ReasonMentionAll},
		"above it, an admin":     {2, admin, group, ""},
		"above it, the owner":    {2, owner, group, ""},
		"above it, the server":   {2, server, group, ""},
		"nobody, a member":       {0, member, group, chat.ReasonMentionAll},
		"nobody, but one to one": {0, member, direct, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := town(t)
			w.rules.Mentioning = &message.Mentioning{AllMembers: row.most}
			head := w.heads[row.id]
			r := w.do(all(row.sender, row.id))
			assert.Equal(t, "reason", reason(r), row.want)
			if row.want != "" {
				assert.Equal(t, "the head", w.heads[row.id], head)
				return
			}
			assert.True(t, "all", w.entries[[2]uint64{uint64(row.id), uint64(r.Seq)}].Refers.All)
			w.rules.Mentioning = &message.Mentioning{}
			assert.True(t, "a repeat, though it would be refused now", w.must(t, all(row.sender, row.id)).Repeat)
		})
	}
}
