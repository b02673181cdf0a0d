package porttest

import (
	"testing"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
)

// reply is an answer of bob's to an entry of conversation 1.
func reply(n int, to chat.Seq) *chat.Draft {
	d := draft(1, bob, n, chat.Text{Text: "yes"})
	d.Refers = &chat.Refers{ReplyTo: to}
	return d
}

func logReply(t *testing.T, e Engine) {
	e.must(t, group(1, alice, bob), text(1, alice, 1))
	results := e.do(t, reply(2, 2), reply(3, 4), reply(4, 4), reply(5, 1), draft(1, alice, 6, chat.Recall{Target: 2}),
		reply(7, 2))
	want := []chat.Reason{
		"", chat.ReasonMessageNotFound, chat.ReasonMessageNotFound, chat.ReasonMessageNotFound, "", chat.ReasonMessageGone,
	}
	for i, r := range results {
		assert.Equal(t, "reason", reasonOf(r), want[i])
	}
	e.must(t, reply(8, 3), edit(bob, 9, 5, "no"))
	after := e.Crash(t)
	assert.Equal(t, "the reply", after.entry(t, 3).Refers.Reply(), chat.Seq(2))
	assert.Equal(t, "the one to it, edited", after.entry(t, 5).Refers.Reply(), chat.Seq(3))
	assert.True(t, "the edit refers to nothing", after.entry(t, 6).Refers == nil)
	again := after.must(t, reply(2, 2))[0]
	assert.True(t, "a repeat, though what it answers has gone", again.Repeat && again.Seq == 3)
	assert.Equal(t, "an answer to another one", reasonOf(after.do(t, reply(2, 3))[0]), chat.ReasonIdempotencyConflict)
	assert.Equal(t, "no answer", reasonOf(after.do(t, draft(1, bob, 2, chat.Text{Text: "yes"}))[0]), chat.ReasonIdempotencyConflict)
	after.must(t, draft(1, bob, 10, chat.Recall{Target: 5}))
	assert.True(t, "it goes with the content", after.entry(t, 5).Refers == nil)
	_, err := after.Log.Tombstone(t.Context(), 1, chat.Span{From: 1, To: 3}, 0, chat.TombstoneErased)
	assert.NoError(t, "erasing", err)
	assert.True(t, "and with what is erased", after.entry(t, 3).Refers == nil)
}

func logMention(t *testing.T, e Engine) {
	mention := func(n int, users ...chat.UserID) *chat.Draft {
		d := draft(1, alice, n, chat.Text{Text: "@"})
		d.Refers = &chat.Refers{Mentions: users, All: true}
		return d
	}
	e.must(t, group(1, alice, bob))
	e.must(t, mention(1, bob, 999, alice, bob), mention(2, 999), edit(alice, 3, 2, "edited"))
	after := e.Crash(t)
	assert.Equal(t, "members, each once", *after.entry(t, 2).Refers, chat.Refers{Mentions: []chat.UserID{bob, alice}, All: true, Passed: true})
	assert.Equal(t, "nobody but all", *after.entry(t, 3).Refers, chat.Refers{All: true, Passed: true})
	again := after.must(t, mention(1, bob, 999, alice, bob))[0]
	assert.True(t, "a repeat", again.Repeat && again.Seq == 2)
	assert.Equal(t, "of others", reasonOf(after.do(t, mention(1, bob, alice))[0]), chat.ReasonIdempotencyConflict)
	after.must(t, draft(1, alice, 4, chat.Recall{Target: 2}))
	assert.True(t, "it goes with the content", after.entry(t, 2).Refers == nil)
}
