package api_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
)

// S-21, SYNC-10: JSON writes a control character as six bytes. A member who sends nothing else makes nobody's pages burst, and
// they still lead through the whole log.
func TestPagesOfTextThatJSONWritesLarge(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b := w.person(t, false), w.person(t, false)
	id, err := w.conversations.OpenDirect(t.Context(), a.id, b.id)
	assert.NoError(t, "opening a conversation", err)
	const texts = 6
	for range texts {
		w.send(t, a.id, id, strings.Repeat("\x01", chat.MaxTextRunes))
	}
	for _, backward := range []bool{false, true} {
		seen := 0
		for seq := range texts {
			ask := fmt.Sprintf(`{"conversation":"%d","from":"%d","limit":200}`, id, 2+seq)
			if backward {
				ask = fmt.Sprintf(`{"conversation":"%d","to":"%d","limit":200,"backward":true}`, id, 1+texts-seq)
			}
			page := w.call(t, "MessageService/ListEntries", ask, bearer(b.token))
			assert.Equal(t, "list", page.reason(), "ok")
			assert.True(t, fmt.Sprintf("%d bytes", len(page.body)), len(page.body) < 1<<20)
			list, _ := page.at("entries").([]any)
			assert.True(t, "at least one entry", len(list) >= 1)
			first, _ := list[0].(map[string]any)
			if backward {
				first, _ = list[len(list)-1].(map[string]any)
			}
			want := 2 + seq
			if backward {
				want = 1 + texts - seq
			}
			assert.Equal(t, "a page begins where it was asked to", first["seq"], any(fmt.Sprint(want)))
			seen++
		}
		assert.Equal(t, "texts", seen, texts)
	}
	sync := w.call(t, "MessageService/Sync", `{"entries":50}`, bearer(b.token))
	assert.True(t, fmt.Sprintf("a sync of %d bytes", len(sync.body)), len(sync.body) < 3<<19)
}
