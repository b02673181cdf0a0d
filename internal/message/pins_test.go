package message_test

import (
	"strings"
	"testing"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/message"
)

func pins(sender chat.UserID, client byte, target chat.Seq, on bool) *chat.Draft {
	return &chat.Draft{Conversation: group, Sender: sender, ClientID: chat.ClientID{99, client}, Body: chat.Pin{Target: target, On: on}}
}

// PIN-1: who may pin what, and what is refused stores nothing.
func TestWhoMayPin(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		sender chat.UserID
		target chat.Seq
		on     bool
		want   chat.Reason
	}{
		"the owner":                   {owner, 4, true, ""},
		"an admin":                    {admin, 4, true, ""},
		"the server":                  {server, 4, true, ""},
		"a member":                    {member, 4, true, chat.ReasonRoleTooLow},
		"who left":                    {gone, 4, true, chat.ReasonNotAMember},
		"a stranger":                  {stranger, 4, true, chat.ReasonConversationNotFound},
		"what is not there":           {owner, 99, true, chat.ReasonMessageNotFound},
		"what is no message":          {owner, 2, true, chat.ReasonMessageNotFound},
		"what has gone":               {owner, 5, true, chat.ReasonMessageGone},
		"what it has deleted":         {admin, 8, true, chat.ReasonMessageNotFound},
		"nothing":                     {owner, 0, true, chat.ReasonBodyInvalid},
		"unpin what is not":           {owner, 4, false, chat.ReasonNotPinned},
		"unpin what is not there":     {owner, 99, false, chat.ReasonMessageNotFound},
		"unpin":                       {admin, 6, false, ""},
		"unpin, by a member":          {member, 6, false, chat.ReasonRoleTooLow},
		"unpin, by a stranger":        {stranger, 6, false, chat.ReasonConversationNotFound},
		"unpin, by the server itself": {server, 6, false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := town(t)
			w.must(t, text(member, 1, "four"))
			w.must(t, text(member, 2, "five"))
			w.must(t, text(member, 3, "six"))
			w.must(t, &chat.Draft{Conversation: group, Sender: member, ClientID: chat.ClientID{4}, Body: chat.Recall{Target: 5}})
			w.must(t, text(member, 5, "eight"))
			w.must(t, &chat.Draft{Conversation: group, Sender: admin, Hide: []chat.Span{{From: 8, To: 8}}})
			w.must(t, pins(owner, 1, 6, true))
			before, about := w.heads[group], w.abouts[group]
			r := w.do(pins(row.sender, 2, row.target, row.on))
			assert.Equal(t, "reason", reason(r), row.want)
			if row.want != "" {
				assert.Equal(t, "nothing was stored", w.heads[group], before)
				assert.Equal(t, "nothing was pinned", w.abouts[group], about)
				return
			}
			head := w.heads[group]
			assert.Equal(t, "it does not count", head.Ordinal, before.Ordinal)
			assert.Equal(t, "pinned", w.abouts[group].Pins.Has(row.target), row.on)
			assert.Equal(t, "an act of an admin", head.Acts, chat.Acts{N: before.Acts.N + 1, Last: head.Seq})
			again := w.do(pins(row.sender, 2, row.target, row.on))
			assert.True(t, "a repeat", again.Repeat && again.Seq == head.Seq)
			other := w.do(pins(row.sender, 2, row.target, !row.on))
			assert.Equal(t, "the client id for something else", reason(other), chat.ReasonIdempotencyConflict)
		})
	}
}

// PIN-1, PIN-4: in a direct conversation either one pins, and a recall unpins in its own append.
func TestPinsOfTwo(t *testing.T) {
	t.Parallel()
	w := town(t)
	at := func(sender chat.UserID, client byte, b chat.Body) *chat.Draft {
		return &chat.Draft{Conversation: direct, Sender: sender, ClientID: chat.ClientID{client}, Body: b}
	}
	w.must(t, at(owner, 1, chat.Text{Text: "two"}))
	w.must(t, at(member, 2, chat.Text{Text: "three"}))
	w.must(t, at(member, 3, chat.Pin{Target: 2, On: true}))
	w.must(t, at(owner, 4, chat.Pin{Target: 3, On: true}))
	assert.Equal(t, "no acts of admins", w.heads[direct].Acts, chat.Acts{})
	w.must(t, at(member, 5, chat.Recall{Target: 3}))
	assert.True(t, "taken back", !w.abouts[direct].Pins.Has(3) && w.abouts[direct].Pins.Has(2))
	w.must(t, at(member, 6, chat.Pin{Target: 2}))
	assert.Equal(t, "unpinned by the other one", w.abouts[direct].Pins, "")
}

// PIN-5, PIN-6, MLK-3: the list shows what the reader sees and what has content, in pages; a link leads to it, or nowhere.
func TestPinsAsRead(t *testing.T) {
	t.Parallel()
	p := newPool(t, 100, message.DefaultConfig())
	p.found(1, 1, 2) // entry 1
	for n := range 7 {
		p.say(1, 2, strings.Repeat(string(rune('a'+n)), 99_000)) // 2 to 8
	}
	p.do(&chat.Draft{Conversation: 1, Sender: 1, Body: chat.MembersChanged{Action: chat.MemberAdded, Users: users(3)}}) // 9
	p.say(1, 2, "after")                                                                                                // 10
	list := chat.Pins("")
	for i, target := range []chat.Seq{2, 3, 4, 5, 6, 7, 8, 10} {
		seq := chat.Seq(11 + i)
		p.do(&chat.Draft{Conversation: 1, Sender: 1, ClientID: chat.ClientID{0xee, byte(i)}, Body: chat.Pin{Target: target, On: true}})
		list = list.After(&chat.Entry{Seq: seq, Sender: 1, Body: chat.Pin{Target: target, On: true}})
	}
	_, err := p.ringed.Tombstone(t.Context(), 1, chat.Span{From: 3, To: 3}, 0, chat.TombstoneRetention)
	assert.NoError(t, "retention", err)
	read := func(reader chat.UserID) (seen []chat.Seq, pages int) {
		for before := chat.Seq(0); ; {
			some, more, err := p.ringed.Pins(t.Context(), reader, 1, list, before)
			assert.NoError(t, "pins", err)
			pages++
			for _, pinned := range some {
				assert.Equal(t, "the entry", pinned.Entry.Seq, pinned.Target)
				seen, before = append(seen, pinned.Target), pinned.Seq
			}
			if !more {
				return seen, pages
			}
		}
	}
	seen, pages := read(1)
	assert.Equal(t, "all that has content", seen, []chat.Seq{10, 8, 7, 6, 5, 4, 2})
	assert.Equal(t, "pages", pages, 2)
	seen, _ = read(3)
	assert.Equal(t, "who came later", seen, []chat.Seq{10})
	_, _, err = p.ringed.Pins(t.Context(), 9, 1, list, 0)
	assert.Equal(t, "a stranger", chat.AsError(err).Reason, chat.ReasonConversationNotFound)

	for _, c := range []struct {
		reader chat.UserID
		seq    chat.Seq
		want   chat.Reason
		around chat.Span
	}{
		{1, 2, "", chat.Span{From: 1, To: 18}},
		{3, 10, "", chat.Span{From: 9, To: 18}},
		{3, 2, chat.ReasonMessageNotFound, chat.Span{}},
		{1, 19, chat.ReasonMessageNotFound, chat.Span{}},
		{1, 0, chat.ReasonMessageNotFound, chat.Span{}},
		{9, 2, chat.ReasonConversationNotFound, chat.Span{}},
		{0, 2, "", chat.Span{From: 1, To: 18}},
	} {
		place, err := p.ringed.Find(t.Context(), c.reader, 1, c.seq)
		if c.want != "" {
			assert.Equal(t, "reason", chat.AsError(err).Reason, c.want)
			continue
		}
		assert.NoError(t, "finding", err)
		assert.True(t, "the place", place.Entry.Seq == c.seq && place.Around == c.around && place.Head.Seq == 18)
	}
}
