package chat_test

import (
	"math/rand/v2"
	"testing"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
)

// I27: whoever has the entries up to any point, and learns of amendments in any order of conversation, repeats and late states included, ends
// with the same.
func TestAmendConverges(t *testing.T) {
	t.Parallel()
	for seed := range uint64(300) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		log := []chat.Entry{{Seq: 1, Sender: 1, Body: chat.Text{Text: "one"}}, {Seq: 2, Sender: 2, Body: chat.Text{Text: "two"}}}
		states := [][]chat.Entry{append([]chat.Entry(nil), log...)} // what a reader may have got after each append
		for range 1 + rnd.IntN(8) {
			seq := chat.Seq(len(log) + 1)
			target := chat.Seq(1 + rnd.IntN(2))
			e := chat.Entry{Seq: seq, Sender: 1, TimeMS: uint64(seq), Body: chat.Edit{Target: target, Body: chat.Text{Text: string(rune('a' + seq))}}}
			if was := log[target-1]; was.Body == chat.Body(chat.Tombstone{}) || !chat.Content(was.Body) {
				continue
			} else if rnd.IntN(4) == 0 {
				recall := chat.Recall{Target: target}
				if was.Edited != nil {
					recall.Edits = was.Edited.Seqs
				}
				e.Body = recall
			}
			log = append(log, e)
			for _, s := range e.Amends() {
				log[s-1], _ = chat.Amend(log[s-1], &e)
			}
			states = append(states, append([]chat.Entry(nil), log...))
		}
		for from, state := range states {
			held := append([]chat.Entry(nil), state...)
			first := len(held) - rnd.IntN(len(held)) // amendments from here on are told, some again
			tail := states[len(states)-1]
			held = append(held, tail[len(held):]...)
			for _, by := range tail[first:] {
				for range 1 + rnd.IntN(2) {
					for i := range held {
						held[i], _ = chat.Amend(held[i], &by)
					}
				}
			}
			assert.Equal(t, "what is held", held, tail)
			_ = from
		}
	}
}

func TestAmend(t *testing.T) {
	t.Parallel()
	text := chat.Entry{Seq: 4, Sender: 1, Body: chat.Text{Text: "old"}, Later: "later"}
	edit := &chat.Entry{Seq: 9, Sender: 1, TimeMS: 7, Body: chat.Edit{Target: 4, Body: chat.Text{Text: "new"}, Was: chat.Text{Text: "old"}}}
	recall := &chat.Entry{Seq: 12, Sender: 3, Body: chat.Recall{Target: 4, Edits: []chat.Seq{9}, Note: "n"}}
	edited, changed := chat.Amend(text, edit)
	assert.True(t, "an edit changes its target", changed)
	assert.Equal(t, "edited", edited, chat.Entry{
		Seq: 4, Sender: 1, Body: chat.Text{Text: "new"}, Edited: &chat.Edited{Seqs: []chat.Seq{9}, TimeMS: 7}, Later: "later",
	})
	_, changed = chat.Amend(edited, edit)
	assert.True(t, "once", !changed)
	_, changed = chat.Amend(chat.Entry{Seq: 5, Body: chat.Text{Text: "other"}}, edit)
	assert.True(t, "and no other", !changed)
	gone, changed := chat.Amend(edited, recall)
	assert.True(t, "a recall changes its target", changed)
	want := chat.Entry{Seq: 4, Sender: 1, Body: chat.Tombstone{Reason: chat.TombstoneRecalled, Seq: 12, By: 3, Note: "n"}}
	assert.Equal(t, "recalled", gone, want)
	_, changed = chat.Amend(gone, edit)
	assert.True(t, "a late edit brings nothing back", !changed)
	empty, changed := chat.Amend(*edit, recall)
	assert.True(t, "an edit of it loses what it said", changed)
	assert.Equal(t, "emptied", empty.Body, chat.Body(chat.Edit{Target: 4}))
	erased := chat.Bury(edited, chat.Tombstone{Reason: chat.TombstoneErased})
	_, changed = chat.Amend(erased, recall)
	assert.True(t, "what was erased stays so", !changed)
	hidden := gone
	assert.True(t, "a recall is for all", chat.Shown(&hidden, func(s chat.Seq) bool { return s < 10 }))
	assert.Equal(t, "who did it is not", hidden.Body, chat.Body(chat.Tombstone{Reason: chat.TombstoneRecalled}))
	told, changed := chat.Amend(hidden, recall)
	assert.True(t, "until the recall comes", changed)
	assert.Equal(t, "then it is", told, want)
}

// I6: who left before an edit sees what was there before it.
func TestAsOf(t *testing.T) {
	t.Parallel()
	e := chat.Entry{Seq: 4, Body: chat.Text{Text: "three"}, Edited: &chat.Edited{Seqs: []chat.Seq{9, 20}, TimeMS: 5}}
	first := chat.Entry{Seq: 9, TimeMS: 3, Body: chat.Edit{Target: 4, Body: chat.Text{Text: "two"}, Was: chat.Text{Text: "one"}}}
	upTo := func(last chat.Seq) func(chat.Seq) bool { return func(s chat.Seq) bool { return s <= last } }
	assert.True(t, "all of it", chat.Shown(&e, upTo(20)))
	for last, text := range map[chat.Seq]string{8: "one", 9: "two", 19: "two"} {
		assert.True(t, "not all of it", !chat.Shown(&e, upTo(last)))
		assert.Equal(t, "what says it", e.Needs(upTo(last)), chat.Seq(9))
		assert.Equal(t, "as of then", chat.AsOf(e, &first, upTo(last)).Body, chat.Body(chat.Text{Text: text}))
	}
	assert.True(t, "and no edit is told of", chat.AsOf(e, &first, upTo(8)).Edited == nil)
	assert.Equal(t, "or the one that was seen", *chat.AsOf(e, &first, upTo(9)).Edited, chat.Edited{Seqs: []chat.Seq{9}, TimeMS: 3})
}

// I5.
func TestOrdinals(t *testing.T) {
	t.Parallel()
	var o chat.Ordinals
	for _, n := range []chat.Ordinal{70, 7, 300, 7, 9} {
		o = o.Add(n)
	}
	assert.Equal(t, "list", o.List(), []chat.Ordinal{300, 70, 9, 7})
	assert.Equal(t, "above 7, up to 70", o.Count(7, 70), 2)
	back, ok := chat.ParseOrdinals([]byte(o))
	assert.True(t, "round trip", ok && back == o)
	for _, bad := range []string{"\x80", "\x05\x00", "\x05\x06", "\x00", string(make([]byte, 200))} {
		_, ok := chat.ParseOrdinals([]byte(bad))
		assert.True(t, "no set", !ok)
	}
	for n := range chat.Ordinal(1_000) {
		o = o.Add(1_000 + 400*n)
	}
	assert.Equal(t, "the newest stay", o.List()[0], chat.Ordinal(1_000+400*999))
	assert.True(t, "bounded", len(o) <= chat.MaxOrdinalsBytes && len(o.List()) == 32)
	h := chat.Head{Ordinal: 10, Recalled: chat.Ordinals("").Add(4).Add(8)}
	assert.Equal(t, "unread", h.Unread(chat.Read{Ordinal: 5}), uint64(4))
	assert.Equal(t, "of one who is ahead", h.Unread(chat.Read{Ordinal: 11}), uint64(0))
}
