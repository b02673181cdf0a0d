package message_test

import (
	"testing"
	"time"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
)

// slowTown is a town whose members send one message in five seconds.
func slowTown(t *testing.T) *world {
	t.Helper()
	w := town(t)
	slow := uint32(5_000)
	w.must(t, change(admin, chat.Changed{SlowModeMS: &slow}))
	return w
}

// SEND-18: who leaves and comes back waits as if there had been no leave.
func TestSlowModeOutlivesALeave(t *testing.T) {
	t.Parallel()
	w := slowTown(t)
	open := true
	w.must(t, change(owner, chat.Changed{Open: &open}))
	w.must(t, text(member, 1, "a"))
	w.nowMS += 1_000
	w.must(t, change(member, chat.MembersChanged{Action: chat.MemberLeft, Users: users(member)}))
	w.must(t, change(member, chat.MembersChanged{Action: chat.MemberJoined, Users: users(member)}))
	r := w.do(text(member, 2, "b"))
	assert.Equal(t, "too early", reason(r), chat.ReasonSlowMode)
	assert.Equal(t, "the rest of the time", r.Err.RetryAfter, 4*time.Second)
	w.nowMS += 4_000
	w.must(t, text(member, 2, "b"))
}

// An import repeats what was sent already: its messages stand at their own times.
func TestImportsDoNotWait(t *testing.T) {
	t.Parallel()
	w := slowTown(t)
	w.rules.Admit = func(chat.Head) time.Duration { return time.Minute }
	for i := range byte(5) {
		d := text(member, 1+i, "old")
		d.TimeMS = w.nowMS + uint64(i)
		w.must(t, d)
	}
}

// SEND-20: whether there is room for a message is asked when nothing else speaks against it, for a member's alone, and once.
func TestAdmitIsAskedLast(t *testing.T) {
	t.Parallel()
	w := slowTown(t)
	asked, wait := 0, time.Duration(0)
	w.rules.Admit = func(h chat.Head) time.Duration {
		asked++
		assert.Equal(t, "of the conversation", h, w.heads[group])
		return wait
	}
	w.must(t, text(member, 1, "a"))
	assert.Equal(t, "asked for a message", asked, 1)
	w.must(t, change(owner, chat.MembersChanged{Action: chat.MemberMuted, Users: users(member), UntilMS: w.nowMS + 1}))
	for what, d := range map[string]*chat.Draft{
		"a repeat": text(member, 1, "a"), "another content": text(member, 1, "b"), "a stranger": text(stranger, 1, "x"), "who left": text(gone, 1, "x"),
		"who is muted": text(member, 2, "x"), "a back end": text(server, 1, "x"), "a rename": change(member, chat.Changed{Name: new(string)}),
		"a read mark": {Conversation: group, Sender: member, Mark: 1},
	} {
		w.do(d)
		assert.Equal(t, what+" is not asked for", asked, 1)
	}
	w.nowMS += 2
	assert.Equal(t, "slow mode comes first", reason(w.do(text(member, 2, "c"))), chat.ReasonSlowMode)
	assert.Equal(t, "and is not asked for", asked, 1)
	w.nowMS += 5_000
	wait = 3 * time.Second
	before := w.heads[group]
	r := w.do(text(member, 2, "c"))
	assert.Equal(t, "reason", reason(r), chat.ReasonConversationBusy)
	assert.True(t, "with a time to wait", r.Err.RetryAfter == wait && r.Err.Code == chat.CodeRateLimited)
	assert.Equal(t, "nothing is stored", w.heads[group], before)
	wait = 0
	w.must(t, text(member, 2, "c")) // slow mode did not begin with the refused one
	assert.Equal(t, "asked", asked, 3)
}
