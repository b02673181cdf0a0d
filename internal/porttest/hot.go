package porttest

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/message"
)

// HotNodes are two nodes' views of one cache of recent entries.
type HotNodes struct{ A, B message.Hot }

// HotBounds are what a cache keeps of a conversation at most.
type HotBounds struct{ Entries, Bytes int }

// Hot holds an adapter to the rules of message.Hot. Open returns a fresh, empty cache with bounds of 100 entries or more.
func Hot(t *testing.T, bounds HotBounds, open func(t testing.TB) HotNodes) {
	t.Helper()
	for name, test := range map[string]func(t *testing.T, h HotNodes, bounds HotBounds){
		"HOT-1 what was put comes back, whole":          hotWhole,
		"HOT-1 a run with a hole in it is a miss":       hotHole,
		"HOT-1 what comes late or again changes naught": hotLate,
		"HOT-1 conversations are apart":                 hotApart,
		"HOT-2 what was forgotten does not come back":   hotForget,
		"HOT-2 whoever puts at the same time":           hotForgetRace,
		"HOT-5 what was amended is a miss":              hotAmended,
		"HOT-3 entries are bounded":                     hotEntries,
		"HOT-3 bytes are bounded":                       hotBytes,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t), bounds)
		})
	}
}

func hotEntry(id chat.ConversationID, seq chat.Seq, text string) *chat.Entry {
	return &chat.Entry{
		Conversation: id, Seq: seq, Ordinal: chat.Ordinal(seq), Sender: 3, TimeMS: uint64(time.Now().UnixMilli()),
		ClientID: chat.ClientID{1, byte(seq)}, Body: chat.Text{Text: text},
	}
}

// hotPut puts entries of conversation 7 and returns them.
func hotPut(t testing.TB, h message.Hot, from, to chat.Seq) (entries []chat.Entry) {
	t.Helper()
	for seq := from; seq <= to; seq++ {
		e := hotEntry(7, seq, fmt.Sprintf("text %d", seq))
		h.Put(t.Context(), e)
		entries = append(entries, *e)
	}
	return entries
}

// hotGet reads a run of conversation 7.
func hotGet(t testing.TB, h message.Hot, from, to chat.Seq) ([]chat.Entry, bool) {
	t.Helper()
	return h.Get(t.Context(), 7, from, to, 0)
}

func hotWhole(t *testing.T, h HotNodes, _ HotBounds) {
	_, ok := hotGet(t, h.A, 1, 1)
	assert.True(t, "an empty cache has nothing", !ok)
	put := hotPut(t, h.A, 41, 60)
	tomb := hotEntry(7, 61, "")
	tomb.Body = chat.MembersChanged{Action: chat.MemberJoined, Users: []chat.UserID{4, chat.MaxID}}
	h.A.Put(t.Context(), tomb)
	put = append(put, *tomb)
	for _, node := range []message.Hot{h.A, h.B} {
		for _, run := range [][2]chat.Seq{{41, 61}, {41, 41}, {61, 61}, {50, 55}} {
			got, ok := hotGet(t, node, run[0], run[1])
			assert.True(t, "a hit", ok)
			assert.Equal(t, "entries", got, put[run[0]-41:run[1]-40])
		}
		for _, run := range [][2]chat.Seq{{40, 41}, {61, 62}, {1, 3}, {62, 70}, {50, 49}, {0, 0}} {
			_, ok := hotGet(t, node, run[0], run[1])
			assert.True(t, fmt.Sprintf("%v is a miss", run), !ok)
		}
	}
}

func hotHole(t *testing.T, h HotNodes, _ HotBounds) {
	hotPut(t, h.A, 1, 5)
	put := hotPut(t, h.A, 7, 9)
	_, ok := hotGet(t, h.B, 4, 8)
	assert.True(t, "over the hole", !ok)
	got, ok := hotGet(t, h.B, 7, 9)
	assert.True(t, "behind it", ok)
	assert.Equal(t, "entries", got, put)
}

func hotLate(t *testing.T, h HotNodes, _ HotBounds) {
	put := hotPut(t, h.A, 1, 5)
	hotPut(t, h.B, 2, 5)
	h.B.Put(t.Context(), hotEntry(7, 3, "late"))
	got, ok := hotGet(t, h.A, 1, 5)
	assert.True(t, "a hit", ok)
	for i := range got {
		assert.Equal(t, "body", got[i].Body, put[i].Body)
	}
}

func hotApart(t *testing.T, h HotNodes, _ HotBounds) {
	hotPut(t, h.A, 1, 3)
	_, ok := h.A.Get(t.Context(), 8, 1, 3, 0)
	assert.True(t, "of another conversation", !ok)
	h.A.Put(t.Context(), hotEntry(chat.MaxID, chat.MaxID, "the largest numbers"))
	got, ok := h.B.Get(t.Context(), chat.MaxID, chat.MaxID, chat.MaxID, 0)
	assert.True(t, "a hit", ok && got[0].Seq == chat.MaxID && got[0].Conversation == chat.MaxID)
	assert.NoError(t, "forget", h.A.Forget(t.Context(), 8, 100))
	_, ok = hotGet(t, h.A, 1, 3)
	assert.True(t, "another one was forgotten", ok)
}

func hotAmended(t *testing.T, h HotNodes, _ HotBounds) {
	hotPut(t, h.A, 1, 5)
	_, ok := h.B.Get(t.Context(), 7, 3, 5, 6)
	assert.True(t, "an edit that the cache has not seen may be about any of them", !ok)
	_, ok = h.B.Get(t.Context(), 7, 3, 5, 2)
	assert.True(t, "one before them is about none of them", ok)
	edit := hotEntry(7, 6, "")
	edit.Body = chat.Edit{Target: 2, Body: chat.Text{Text: "other"}}
	h.A.Put(t.Context(), edit)
	old := hotEntry(7, 2, "text 2")
	h.B.Put(t.Context(), old) // it was held up on its way
	if got, ok := h.B.Get(t.Context(), 7, 2, 3, 6); ok {
		assert.Equal(t, "what was edited", got[0].Body, chat.Body(chat.Text{Text: "other"}))
	}
	got, ok := h.B.Get(t.Context(), 7, 3, 6, 6)
	assert.True(t, "the others are there", ok && len(got) == 4)
	recall := hotEntry(7, 7, "")
	recall.Body = chat.Recall{Target: 2, Ordinal: 2, Edits: []chat.Seq{6}}
	h.A.Put(t.Context(), recall)
	if got, ok := h.B.Get(t.Context(), 7, 6, 7, 7); ok {
		assert.Equal(t, "what edited it", got[0].Body, chat.Body(chat.Edit{Target: 2}))
	}
	hotPut(t, h.A, 8, 9)
	_, ok = h.B.Get(t.Context(), 7, 3, 5, 7)
	assert.True(t, "the others are there still", ok)
	_, ok = h.B.Get(t.Context(), 7, 7, 9, 7)
	assert.True(t, "and the recall", ok)
	// A cache that begins anew behind what amended has nothing of before.
	hotPut(t, h.A, 20, 22)
	_, ok = h.B.Get(t.Context(), 7, 20, 22, 7)
	assert.True(t, "what came after it", ok)
	_, ok = h.B.Get(t.Context(), 7, 20, 22, 21)
	assert.True(t, "an edit that the cache took for something else", !ok)
}

func hotForget(t *testing.T, h HotNodes, _ HotBounds) {
	hotPut(t, h.A, 1, 9)
	assert.NoError(t, "forget", h.B.Forget(t.Context(), 7, 9))
	assert.NoError(t, "an older one", h.B.Forget(t.Context(), 7, 4))
	hotPut(t, h.A, 5, 9) // from where it was on its way
	for seq := chat.Seq(1); seq <= 9; seq++ {
		_, ok := hotGet(t, h.A, seq, seq)
		assert.True(t, fmt.Sprintf("%d is forgotten", seq), !ok)
	}
	put := hotPut(t, h.A, 10, 12)
	got, ok := hotGet(t, h.B, 10, 12)
	assert.True(t, "what came after it", ok)
	assert.Equal(t, "entries", got, put)
	_, ok = hotGet(t, h.B, 9, 12)
	assert.True(t, "not what came before", !ok)
}

func hotForgetRace(t *testing.T, h HotNodes, _ HotBounds) {
	var putting sync.WaitGroup
	for range 4 {
		putting.Go(func() {
			for seq := chat.Seq(1); seq <= 100; seq++ {
				h.A.Put(t.Context(), hotEntry(7, seq, "x"))
			}
		})
	}
	for upTo := chat.Seq(10); upTo <= 100; upTo += 10 {
		assert.NoError(t, "forget", h.B.Forget(t.Context(), 7, upTo))
		for seq := chat.Seq(1); seq <= upTo; seq++ {
			_, ok := hotGet(t, h.B, seq, seq)
			assert.True(t, fmt.Sprintf("%d of %d is forgotten", seq, upTo), !ok)
		}
	}
	putting.Wait()
}

func hotEntries(t *testing.T, h HotNodes, bounds HotBounds) {
	last := chat.Seq(2 * bounds.Entries)
	hotPut(t, h.A, 1, last)
	_, ok := hotGet(t, h.B, last-99, last)
	assert.True(t, "the newest hundred", ok)
	_, ok = hotGet(t, h.B, last-chat.Seq(bounds.Entries), last-chat.Seq(bounds.Entries))
	assert.True(t, "beyond the bound", !ok)
}

func hotBytes(t *testing.T, h HotNodes, bounds HotBounds) {
	text := strings.Repeat("x", bounds.Bytes/10)
	for seq := chat.Seq(1); seq <= 30; seq++ {
		h.A.Put(t.Context(), hotEntry(7, seq, text))
	}
	kept := 0
	for seq := chat.Seq(1); seq <= 30; seq++ {
		if _, ok := hotGet(t, h.A, seq, seq); ok {
			kept++
		}
	}
	assert.True(t, fmt.Sprintf("%d of 10 fit", kept), kept >= 5 && kept <= 10)
	h.A.Put(t.Context(), hotEntry(7, 31, strings.Repeat("x", bounds.Bytes+1)))
	_, ok := hotGet(t, h.A, 31, 31)
	assert.True(t, "what alone is too much", !ok)
	hotPut(t, h.A, 32, 34)
	_, ok = hotGet(t, h.A, 32, 34)
	assert.True(t, "what comes behind it", ok)
	_, ok = hotGet(t, h.A, 30, 32)
	assert.True(t, "over it", !ok)
}
