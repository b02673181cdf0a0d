package message_test

import (
	"testing"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/message"
)

func (p *pool) edit(id chat.ConversationID, sender chat.UserID, target chat.Seq, text string) chat.Seq {
	p.t.Helper()
	p.client++
	return p.do(&chat.Draft{
		Conversation: id, Sender: sender, ClientID: chat.ClientID{0xed, byte(p.client >> 8), byte(p.client)},
		Body: chat.Edit{Target: target, Body: chat.Text{Text: text}},
	}).Seq
}

// AMD-10, AMD-11, I6, I27: a page shows what was made of its entries, from memory as from the log, and to who left no more than what was there
// then.
func TestPagesShowWhatWasAmended(t *testing.T) {
	t.Parallel()
	for name, small := range map[string]uint32{"small": 100, "medium": 2} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPool(t, small, message.DefaultConfig())
			p.found(1, 1, 2, 3, 4)
			p.say(1, 2, "zero") // 2
			p.say(1, 2, "one")  // 3
			both := func(q message.RangeQuery) message.Page {
				t.Helper()
				q.Conversation = 1
				got, err := p.ringed.Range(t.Context(), q)
				assert.NoError(t, "page", err)
				want, err := p.plain.Range(t.Context(), q)
				assert.NoError(t, "the log's page", err)
				assert.Equal(t, "page", got, want)
				return got
			}
			both(message.RangeQuery{Reader: 1})
			both(message.RangeQuery{Reader: 1, From: 1, To: 2})
			p.edit(1, 2, 3, "two") // 4
			assert.Equal(t, "edited", both(message.RangeQuery{Reader: 1}).Entries[2].Body, chat.Body(chat.Text{Text: "two"}))
			p.do(&chat.Draft{Conversation: 1, Body: chat.MembersChanged{Action: chat.MemberRemoved, Users: []chat.UserID{4}}}) // 5
			p.edit(1, 2, 3, "three")                                                                                           // 6
			p.edit(1, 2, 2, "never before")                                                                                    // 7
			page := both(message.RangeQuery{Reader: 4})
			assert.Equal(t, "who left", page.Entries[2].Body, chat.Body(chat.Text{Text: "two"}))
			assert.Equal(t, "knows one edit", page.Entries[2].Edited.Seqs, []chat.Seq{4})
			assert.Equal(t, "and none of the other", page.Entries[1].Body, chat.Body(chat.Text{Text: "zero"}))
			assert.True(t, "none", page.Entries[1].Edited == nil)
			assert.Equal(t, "who stayed", both(message.RangeQuery{Reader: 3}).Entries[2].Body, chat.Body(chat.Text{Text: "three"}))

			versions := func(reader chat.UserID, seq chat.Seq) (texts []string) {
				t.Helper()
				all, more, err := p.ringed.Edits(t.Context(), message.EditsQuery{Reader: reader, Conversation: 1, Seq: seq})
				assert.True(t, "versions", err == nil && !more)
				for _, v := range all {
					text, _ := v.Body.(chat.Text)
					texts = append(texts, text.Text)
				}
				return texts
			}
			assert.Equal(t, "history", versions(3, 3), []string{"one", "two", "three"})
			assert.Equal(t, "of who left", versions(4, 3), []string{"one", "two"})
			assert.Equal(t, "of who left before any", versions(4, 2), []string{"zero"})

			p.client++
			p.do(&chat.Draft{Conversation: 1, Sender: 2, ClientID: chat.ClientID{0xee}, Body: chat.Recall{Target: 3}}) // 8
			for _, reader := range []chat.UserID{3, 4} {
				page = both(message.RangeQuery{Reader: reader})
				tomb, ok := page.Entries[2].Body.(chat.Tombstone)
				assert.True(t, "gone for all", ok && (tomb.Seq == 8) == (reader == 3))
				_, _, err := p.ringed.Edits(t.Context(), message.EditsQuery{Reader: reader, Conversation: 1, Seq: 3})
				assert.Equal(t, "its history", chat.AsError(err).Reason, chat.ReasonMessageGone)
			}
			for _, e := range both(message.RangeQuery{Reader: 3}).Entries {
				if b, ok := e.Body.(chat.Edit); ok && b.Target == 3 {
					assert.True(t, "its edits are empty", b.Body == nil && b.Was == nil)
				}
			}
		})
	}
}

// AMD-12: the history of a message comes in pages, the newest first, and strangers learn nothing.
func TestHistoryInPages(t *testing.T) {
	t.Parallel()
	p := newPool(t, 100, message.DefaultConfig())
	p.found(1, 1, 2)
	p.say(1, 2, "0")
	long := make([]byte, 300_000)
	for i := range long {
		long[i] = 'x'
	}
	for n := range 3 {
		long[0] = byte('1' + n)
		p.client++
		p.do(&chat.Draft{
			Conversation: 1, Sender: 2, ClientID: chat.ClientID{0xed, byte(n)}, Body: chat.Edit{Target: 2, Body: chat.Text{Text: string(long[:90_000])}},
		})
	}
	seen := []string{}
	for before := chat.Seq(0); ; {
		all, more, err := p.ringed.Edits(t.Context(), message.EditsQuery{Reader: 1, Conversation: 1, Seq: 2, Before: before})
		assert.NoError(t, "edits", err)
		for i := len(all) - 1; i >= 0; i-- {
			text, _ := all[i].Body.(chat.Text)
			seen = append(seen, text.Text[:1])
		}
		if !more {
			break
		}
		before = all[0].Seq
	}
	assert.Equal(t, "all of them", seen, []string{"3", "2", "1", "0"})
	for reader, want := range map[chat.UserID]chat.Reason{9: chat.ReasonConversationNotFound, 1: chat.ReasonMessageNotFound} {
		_, _, err := p.ringed.Edits(t.Context(), message.EditsQuery{Reader: reader, Conversation: 1, Seq: 99})
		assert.Equal(t, "reason", chat.AsError(err).Reason, want)
	}
}
