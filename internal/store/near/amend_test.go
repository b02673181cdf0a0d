package near_test

import (
	"testing"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
)

// HOT-5: what is served is as the last amendment left it, whether that came before the entry or after it, or not at all.
func TestRingServesWhatWasAmended(t *testing.T) {
	t.Parallel()
	edit := func(b *bench, seq, target chat.Seq) {
		b.Note(&chat.Entry{Conversation: 7, Seq: seq, TimeMS: uint64(b.now.UnixMilli()), Body: chat.Edit{Target: target, Body: chat.Text{Text: "new"}}},
			chat.Head{Conversation: 7, Seq: seq, Tier: chat.TierLarge, Amended: seq})
	}
	get := func(b *bench, from, to, amended chat.Seq) ([]chat.Entry, bool) {
		return b.Get(t.Context(), 7, from, to, amended)
	}

	b := newBench(t, roomy)
	b.note(7, 1, 2, 3)
	_, ok := get(b, 1, 3, 4)
	assert.True(t, "an edit that did not come here may be about them", !ok)
	_, ok = get(b, 2, 3, 1)
	assert.True(t, "one before them is not", ok)
	edit(b, 4, 2)
	got, ok := get(b, 1, 3, 4)
	assert.True(t, "once it came they are served", ok)
	assert.Equal(t, "as it left them", got[1].Body, chat.Body(chat.Text{Text: "new"}))
	_, ok = get(b, 1, 4, 6)
	assert.True(t, "not behind a later one", !ok)
	edit(b, 6, 1)
	_, ok = get(b, 1, 4, 6)
	assert.True(t, "with a hole there may have been another one", !ok)
	b.note(7, 5)
	_, ok = get(b, 1, 4, 6)
	assert.True(t, "without it there was none", ok)

	late := newBench(t, roomy)
	late.note(7, 1)
	edit(late, 3, 2)
	late.note(7, 2) // what it said before, held up on its way
	_, ok = get(late, 1, 3, 3)
	assert.True(t, "what came behind its edit is not served", !ok)
	_, ok = get(late, 1, 1, 1)
	assert.True(t, "the others are", ok)
}
