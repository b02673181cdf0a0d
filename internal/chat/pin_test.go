package chat_test

import (
	"testing"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
)

func pinning(seq, target chat.Seq, on bool) *chat.Entry {
	return &chat.Entry{Seq: seq, Sender: 3, TimeMS: 1 << 40, Body: chat.Pin{Target: target, On: on}}
}

func targets(p chat.Pins) []chat.Seq {
	out := []chat.Seq{}
	for _, pinned := range p.List() {
		out = append(out, pinned.Target)
	}
	return out
}

// PIN-2, PIN-3, PIN-4: what was pinned last comes first; what is pinned anew comes to the front, what is unpinned or taken back goes, and of more
// than there is room for the oldest goes.
func TestPins(t *testing.T) {
	t.Parallel()
	p := chat.Pins("")
	for i, e := range []struct {
		entry *chat.Entry
		want  []chat.Seq
	}{
		{pinning(10, 2, true), []chat.Seq{2}},
		{pinning(11, 3, true), []chat.Seq{3, 2}},
		{pinning(12, 2, true), []chat.Seq{2, 3}},
		{pinning(13, 9, false), []chat.Seq{2, 3}},
		{pinning(14, 3, false), []chat.Seq{2}},
		{&chat.Entry{Seq: 15, Body: chat.Text{Text: "x"}}, []chat.Seq{2}},
		{&chat.Entry{Seq: 16, Body: chat.Recall{Target: 4}}, []chat.Seq{2}},
		{&chat.Entry{Seq: 17, Body: chat.Recall{Target: 2}}, []chat.Seq{}},
	} {
		p = p.After(e.entry)
		assert.True(t, "valid", p.Valid())
		assert.Equal(t, "pinned", targets(p), e.want)
		assert.Equal(t, "has", p.Has(2), i < 7)
	}
	assert.Equal(t, "nothing is left", p, "")
	for n := chat.Seq(1); n <= chat.MaxPins+1; n++ {
		p = p.After(pinning(100+n, n, true))
	}
	list := p.List()
	assert.Equal(t, "as many as there is room for", len(list), chat.MaxPins)
	assert.Equal(t, "the newest", list[0], chat.Pinned{Target: chat.MaxPins + 1, Seq: 101 + chat.MaxPins, By: 3, TimeMS: 1 << 40})
	assert.True(t, "the oldest has gone", !p.Has(1) && p.Has(2))
	assert.True(t, "room", len(p) <= chat.MaxPinsBytes)
	assert.Equal(t, "what somebody sees", targets(p.Seen(func(s chat.Seq) bool { return s < 4 })), []chat.Seq{3, 2})
}

// FuzzPins: whatever stands in a record is read without harm, and what is valid stays what it is.
func FuzzPins(f *testing.F) {
	f.Add([]byte{}, uint64(5), true)
	f.Add([]byte{2, 9, 3, 7, 1, 8, 0, 7}, uint64(1), false)
	f.Add([]byte{1, 8, 0, 7, 2, 9, 3, 7}, uint64(2), true)
	f.Add([]byte(chat.Pins("").After(pinning(1<<40, 1<<39, true)).After(pinning(1<<41, 2, true))), uint64(2), true)
	f.Fuzz(func(t *testing.T, b []byte, target uint64, on bool) {
		p := chat.Pins(b)
		list := p.List()
		if !p.Valid() {
			return
		}
		if len(list) > chat.MaxPins {
			t.Fatalf("%d pins", len(list))
		}
		at := chat.Seq(1)
		if len(list) > 0 {
			at = list[0].Seq + 1
		}
		if target == 0 || chat.Seq(target) >= at || at > chat.MaxID {
			return
		}
		next := p.After(pinning(at, chat.Seq(target), on))
		if !next.Valid() || next.Has(chat.Seq(target)) != on {
			t.Fatalf("%v after %d %v is %v", list, target, on, next.List())
		}
	})
}
