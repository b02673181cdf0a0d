package porttest

import (
	"sync"
	"testing"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
)

// pin pins an entry of conversation 1, or unpins it.
func pin(sender chat.UserID, n int, target chat.Seq, on bool) *chat.Draft {
	return draft(1, sender, n, chat.Pin{Target: target, On: on})
}

// pinned are the messages that are pinned in conversation 1.
func (e Engine) pinned(t testing.TB) []chat.Seq {
	t.Helper()
	about, err := e.Directory.Conversation(t.Context(), 1)
	assert.NoError(t, "reading what stands about a conversation", err)
	assert.True(t, "pins that are valid", about.Pins.Valid())
	return targets(about.Pins)
}

// targets are the messages of a list of pins.
func targets(p chat.Pins) []chat.Seq {
	list := p.List()
	out := make([]chat.Seq, len(list))
	for i := range list {
		out[i] = list[i].Target
	}
	return out
}

func logPin(t *testing.T, e Engine) {
	text1 := "hello"
	e.must(t, group(1, alice, bob), text(1, bob, 1), text(1, bob, 2), draft(1, alice, 3, chat.Changed{Announcement: &text1}))
	before := e.entry(t, 2)
	results := e.do(t, pin(alice, 4, 2, true), pin(bob, 5, 3, true), pin(alice, 6, 3, true), pin(alice, 7, 9, true), pin(alice, 8, 2, false),
		pin(alice, 9, 2, false), text(1, bob, 10), pin(alice, 11, 7, true))
	want := []chat.Reason{"", chat.ReasonRoleTooLow, "", chat.ReasonMessageNotFound, "", chat.ReasonNotPinned, "", chat.ReasonMessageNotFound}
	for i, r := range results {
		assert.Equal(t, "reason", reasonOf(r), want[i])
	}
	e.must(t, pin(alice, 12, 8, true))
	after := e.Crash(t)
	after.contiguous(t, 1)
	assert.Equal(t, "pinned", after.pinned(t), []chat.Seq{8, 3})
	assert.Equal(t, "a message that is pinned is what it was", after.entry(t, 2), before)
	assert.Equal(t, "the entry", after.entry(t, 5).Body, chat.Body(chat.Pin{Target: 2, On: true}))
	assert.Equal(t, "the end of it", after.entry(t, 7).Body, chat.Body(chat.Pin{Target: 2}))
	assert.Equal(t, "its ordinal, which is nobody's", after.entry(t, 5).Ordinal, chat.Ordinal(2))
	again := after.must(t, pin(alice, 6, 3, true))[0]
	assert.True(t, "a repeat", again.Repeat && again.Seq == 6)
	assert.Equal(t, "changes nothing", after.pinned(t), []chat.Seq{8, 3})
	after.must(t, draft(1, bob, 13, chat.Recall{Target: 3}), draft(1, alice, 14, chat.Pin{Target: 8, On: true}))
	last := after.Crash(t)
	assert.Equal(t, "what is taken back is unpinned", last.pinned(t), []chat.Seq{8})
	about, err := last.Directory.Conversation(t.Context(), 1)
	assert.True(t, "what else stands about it", err == nil && about.Announcement == text1)
}

// logPinRace: of those who pin, unpin and take back at the same time, the list is what the entries come to in their order.
func logPinRace(t *testing.T, e Engine) {
	const messages = 12
	e.must(t, group(1, alice, bob))
	for n := range messages {
		e.must(t, text(1, bob, n))
	}
	var wg sync.WaitGroup
	for n := range messages {
		target := chat.Seq(2 + n)
		wg.Go(func() { e.do(t, pin(alice, 100+n, target, true)) })
		wg.Go(func() { e.do(t, pin(alice, 200+n, target, n%2 == 0)) })
		if n%3 == 0 {
			wg.Go(func() { e.do(t, draft(1, bob, 300+n, chat.Recall{Target: target})) })
		}
	}
	wg.Wait()
	want := chat.Pins("")
	for _, entry := range e.entries(t, 1) {
		want = want.After(&entry)
	}
	assert.Equal(t, "pinned", e.Crash(t).pinned(t), targets(want))
}
