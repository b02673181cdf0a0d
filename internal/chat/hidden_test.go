package chat_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
)

// RCP-30, RCP-32, RCP-33: whatever is hidden in whatever order, each entry is hidden or not, and counted once.
func TestHidden(t *testing.T) {
	t.Parallel()
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 1))
		const end = 120
		ordinals := make([]chat.Ordinal, end+1)
		for seq := 1; seq <= end; seq++ {
			ordinals[seq] = ordinals[seq-1] + chat.Ordinal(rng.IntN(2))
		}
		var h chat.Hidden
		gone := make([]bool, end+1)
		for range rng.IntN(12) {
			from := 1 + rng.IntN(end)
			to := min(end, from+rng.IntN(20))
			var ok bool
			h, ok = h.Add(chat.HiddenSpan{Span: chat.Span{From: chat.Seq(from), To: chat.Seq(to)}, Before: ordinals[from-1], Last: ordinals[to]})
			assert.True(t, "there is room", ok && h.Valid())
			for seq := from; seq <= to; seq++ {
				gone[seq] = true
			}
		}
		read, head := rng.IntN(end), end
		n := uint64(0)
		var recalled chat.Ordinals
		for range rng.IntN(5) {
			recalled = recalled.Add(ordinals[1+rng.IntN(end)])
		}
		for seq := 1; seq <= end; seq++ {
			assert.Equal(t, "hidden", h.Contains(chat.Seq(seq)), gone[seq])
			if gone[seq] && seq > read && ordinals[seq] > ordinals[seq-1] && !slices.Contains(recalled.List(), ordinals[seq]) {
				n++
			}
		}
		assert.Equal(t, "unread", h.Unread(ordinals[read], ordinals[head], recalled), n)
		spans := []chat.Span{{From: 5, To: 40}, {From: 60}}
		cut := h.Cut(spans, end)
		for seq := chat.Seq(1); seq <= end; seq++ {
			in := func(all []chat.Span) bool {
				return slices.ContainsFunc(all, func(s chat.Span) bool { return s.To != 0 && s.Contains(seq) || s.To == 0 && seq >= s.From })
			}
			assert.Equal(t, "seen", in(cut), in(spans) && !gone[seq])
		}
	}
}

// RCP-31: there are at most so many spans, and those that touch are one.
func TestHiddenIsBounded(t *testing.T) {
	t.Parallel()
	span := func(seq chat.Seq) chat.HiddenSpan {
		return chat.HiddenSpan{Span: chat.Span{From: seq, To: seq}, Before: chat.Ordinal(seq - 1), Last: chat.Ordinal(seq)}
	}
	var h chat.Hidden
	for i := range chat.Seq(chat.MaxHidden) {
		with, ok := h.Add(span(2*i + 1))
		assert.True(t, "room", ok)
		h = with
	}
	_, ok := h.Add(span(2*chat.MaxHidden + 1))
	assert.True(t, "one too many", !ok)
	h, ok = h.Add(span(2))
	assert.True(t, "what joins two", ok && len(h.Spans()) == chat.MaxHidden-1)
	assert.True(t, "small", len(h) < 8*chat.MaxHidden)
}

// FuzzHidden: whatever stands in a row is read without harm, and an entry is hidden or seen.
func FuzzHidden(f *testing.F) {
	h, _ := chat.Hidden("").Add(chat.HiddenSpan{Span: chat.Span{From: 3, To: 9}, Before: 2, Last: 7})
	f.Add(string(h), uint64(5))
	f.Add("\x01\x01\xff", uint64(1))
	f.Fuzz(func(t *testing.T, b string, seq uint64) {
		h := chat.Hidden(b)
		if !h.Valid() {
			return
		}
		at := chat.Seq(seq%chat.MaxID + 1)
		cut := h.Cut([]chat.Span{{From: 1}}, at)
		seen := slices.ContainsFunc(cut, func(s chat.Span) bool { return s.Contains(at) })
		if h != "" && seen == h.Contains(at) {
			t.Errorf("%d is hidden in %x: %v, and seen: %v", at, b, h.Contains(at), seen)
		}
		_ = h.Unread(0, chat.Ordinal(seq), "")
	})
}
