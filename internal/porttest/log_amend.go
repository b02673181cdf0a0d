package porttest

import (
	"sync"
	"testing"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/message"
)

// edit edits an entry of conversation 1.
func edit(sender chat.UserID, n int, target chat.Seq, text string) *chat.Draft {
	return draft(1, sender, n, chat.Edit{Target: target, Body: chat.Text{Text: text}})
}

// entry reads an entry of conversation 1.
func (e Engine) entry(t testing.TB, seq chat.Seq) chat.Entry {
	t.Helper()
	found, err := e.Log.Range(t.Context(), message.Range{Conversation: 1, From: seq, To: seq, Limit: 1})
	assert.NoError(t, "reading an entry", err)
	assert.Equal(t, "entries", len(found), 1)
	return found[0]
}

func logEdit(t *testing.T, e Engine) {
	e.must(t, group(1, alice, bob), draft(1, alice, 1, chat.Text{Text: "first"}))
	before := e.entry(t, 2)
	first := e.must(t, edit(alice, 2, 2, "second"))[0]
	assert.Equal(t, "seq of the edit", first.Seq, chat.Seq(3))
	assert.Equal(t, "its ordinal, which is nobody's", first.Ordinal, chat.Ordinal(1))
	last := e.must(t, edit(alice, 3, 2, "third"))[0]
	after := e.Crash(t)
	after.contiguous(t, 1)
	want := before
	want.Body, want.Edited = chat.Text{Text: "third"}, &chat.Edited{Seqs: []chat.Seq{3, 4}, TimeMS: last.TimeMS}
	assert.Equal(t, "the message", after.entry(t, 2), want)
	assert.Equal(t, "the first edit", after.entry(t, 3).Body, chat.Body(chat.Edit{
		Target: 2, Body: chat.Text{Text: "second"}, Was: chat.Text{Text: "first"},
	}))
	assert.Equal(t, "the second", after.entry(t, 4).Body, chat.Body(chat.Edit{Target: 2, Body: chat.Text{Text: "third"}}))
	assert.Equal(t, "the head knows the last one", after.head(t, 1).Amended, chat.Seq(4))
	again := after.must(t, edit(alice, 3, 2, "third"))[0]
	assert.True(t, "a repeat", again.Repeat && again.Seq == 4)
	repeat := after.must(t, draft(1, alice, 1, chat.Text{Text: "first"}))[0]
	assert.True(t, "the message sent again as it was", repeat.Repeat && repeat.Seq == 2)
	other := after.do(t, draft(1, alice, 1, chat.Text{Text: "third"}))[0]
	assert.Equal(t, "as it is now", reasonOf(other), chat.ReasonIdempotencyConflict)
}

func logEditTogether(t *testing.T, e Engine) {
	results := e.do(t, group(1, alice, bob), draft(1, alice, 1, chat.Text{Text: "first"}), edit(alice, 2, 2, "second"), edit(bob, 3, 2, "not mine"),
		edit(alice, 4, 2, "third"), edit(alice, 5, 9, "nothing"), draft(1, alice, 6, chat.Recall{Target: 3}), draft(1, alice, 7, chat.Text{Text: "other"}),
		draft(1, alice, 8, chat.Recall{Target: 5}), edit(alice, 9, 5, "gone"))
	want := []chat.Reason{
		"", "", "", chat.ReasonNotYourMessage, "", chat.ReasonMessageNotFound, chat.ReasonMessageNotFound, "", "", chat.ReasonMessageGone,
	}
	for i, r := range results {
		assert.Equal(t, "reason", reasonOf(r), want[i])
	}
	after := e.Crash(t)
	assert.Equal(t, "the message", after.entry(t, 2).Body, chat.Body(chat.Text{Text: "third"}))
	assert.Equal(t, "its edits", after.entry(t, 2).Edited.Seqs, []chat.Seq{3, 4})
	assert.Equal(t, "the other one", after.entry(t, 5).Body, chat.Body(chat.Tombstone{Reason: chat.TombstoneRecalled, Seq: 6, By: alice}))
}

func logRecall(t *testing.T, e Engine) {
	e.must(t, group(1, alice, bob), draft(1, bob, 1, chat.Text{Text: "secret"}), text(1, bob, 2))
	e.must(t, edit(bob, 3, 2, "secret still"), edit(bob, 4, 2, "no less"), edit(bob, 5, 3, "of another"))
	e.must(t, draft(1, alice, 6, chat.Recall{Target: 2, Note: "why not"}))
	after := e.Crash(t)
	all := after.entries(t, 1)
	assert.Equal(t, "what stands", all[1].Body, chat.Body(chat.Tombstone{Reason: chat.TombstoneRecalled, Seq: 7, By: alice, Note: "why not"}))
	assert.True(t, "no edits of it", all[1].Edited == nil)
	assert.Equal(t, "an edit", all[3].Body, chat.Body(chat.Edit{Target: 2}))
	assert.Equal(t, "another edit", all[4].Body, chat.Body(chat.Edit{Target: 2}))
	assert.Equal(t, "another's", all[5].Body.(chat.Edit).Body, chat.Body(chat.Text{Text: "of another"})) //nolint:errcheck // it panics
	assert.Equal(t, "the recall", all[6].Body, chat.Body(chat.Recall{Target: 2, Ordinal: 1, Edits: []chat.Seq{4, 5}, Note: "why not"}))
	head := after.head(t, 1)
	assert.Equal(t, "unread of who read nothing", head.Unread(chat.Read{}), uint64(1))
	assert.Equal(t, "unread of who had read it", head.Unread(chat.Read{Seq: 2, Ordinal: 1}), uint64(1))
	repeat := after.must(t, draft(1, bob, 1, chat.Text{Text: "secret"}))[0]
	assert.True(t, "the message sent again", repeat.Repeat && repeat.Seq == 2)
	assert.Equal(t, "does not come back", after.entry(t, 2), all[1])
}

func logTombstoneEdited(t *testing.T, e Engine) {
	e.must(t, group(1, alice, bob), draft(1, alice, 1, chat.Text{Text: "secret"}), text(1, bob, 2), edit(alice, 3, 2, "secret still"))
	n, err := e.Log.Tombstone(t.Context(), 1, chat.Span{From: 1, To: 2}, 0, chat.TombstoneRetention)
	assert.NoError(t, "tombstone", err)
	assert.Equal(t, "changed", n, 1)
	after := e.Crash(t)
	assert.Equal(t, "the edit, which lies behind the span", after.entry(t, 4).Body, chat.Body(chat.Edit{Target: 2}))
	assert.True(t, "the message knows no edits", after.entry(t, 2).Edited == nil)
	r := after.do(t, edit(alice, 4, 2, "again"))[0]
	assert.Equal(t, "an edit of it", reasonOf(r), chat.ReasonMessageGone)
}

// logEditRace: of an edit and a removal at the same time, either the edit is refused or it is emptied.
func logEditRace(t *testing.T, e Engine) {
	e.must(t, group(1, alice, bob))
	const rounds = 20
	for n := range rounds {
		target := e.must(t, draft(1, alice, 10*n, chat.Text{Text: "secret"}))[0].Seq
		var wg sync.WaitGroup
		for i := range 3 {
			wg.Go(func() { e.do(t, edit(alice, 10*n+1+i, target, "secret still")) })
		}
		wg.Go(func() {
			_, err := e.Log.Tombstone(t.Context(), 1, chat.Span{From: target, To: target}, 0, chat.TombstoneErased)
			assert.NoError(t, "tombstone", err)
		})
		wg.Wait()
	}
	for _, entry := range e.entries(t, 1) {
		switch b := entry.Body.(type) {
		case chat.Text:
			t.Errorf("entry %d says %q", entry.Seq, b.Text)
		case chat.Edit:
			assert.True(t, "an edit is empty", b.Body == nil && b.Was == nil)
		}
	}
}
