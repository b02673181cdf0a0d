package message_test

import (
	"strings"
	"testing"
	"time"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
)

const hour = uint64(time.Hour / time.Millisecond)

// amendWorld is a group of owner 1, admin 2, members 3 and 4, with a text of 3 (seq 3), media of 3 (4), a custom message of 4 (5).
func amendWorld(t *testing.T) *world {
	t.Helper()
	w := newWorld()
	ok := func(d *chat.Draft) {
		t.Helper()
		if r := w.do(d); r.Err != nil {
			t.Fatal(r.Err)
		}
	}
	ok(&chat.Draft{Conversation: 1, Sender: 1, Body: chat.Created{Kind: chat.KindGroup, Members: []chat.UserID{1, 2, 3, 4}}})
	ok(&chat.Draft{Conversation: 1, Sender: 1, Body: chat.MembersChanged{Action: chat.MemberRole, Users: []chat.UserID{2}, Role: chat.RoleAdmin}})
	ok(&chat.Draft{Conversation: 1, Sender: 3, ClientID: chat.ClientID{3}, Body: chat.Text{Text: "text"}})
	ok(&chat.Draft{Conversation: 1, Sender: 3, ClientID: chat.ClientID{4}, Body: chat.Media{Type: chat.MediaImage, Ref: "blob", Caption: "old"}})
	ok(&chat.Draft{Conversation: 1, Sender: 4, ClientID: chat.ClientID{5}, Body: chat.Custom{Type: "t", Data: []byte{1}}})
	return w
}

// AMD-1 to AMD-12.
func TestWhoMayAmend(t *testing.T) {
	t.Parallel()
	text := func(s string) chat.Body { return chat.Text{Text: s} }
	edit := func(target chat.Seq, b chat.Body) chat.Body { return chat.Edit{Target: target, Body: b} }
	for name, row := range map[string]struct {
		sender chat.UserID
		after  uint64 // ms
		body   chat.Body
		want   chat.Reason
	}{
		"own text":                      {3, 0, edit(3, text("new")), ""},
		"own text, just in time":        {3, 48 * hour, edit(3, text("new")), ""},
		"own text, too late":            {3, 48*hour + 1, edit(3, text("new")), chat.ReasonTooLate},
		"another's":                     {4, 0, edit(3, text("new")), chat.ReasonNotYourMessage},
		"another's, by the owner":       {1, 0, edit(3, text("new")), chat.ReasonNotYourMessage},
		"to nothing":                    {3, 0, edit(3, text("")), chat.ReasonTextEmpty},
		"to too much":                   {3, 0, edit(3, text(strings.Repeat("x", chat.MaxTextRunes+1))), chat.ReasonMessageTooLarge},
		"to what is no text":            {3, 0, edit(3, text("\xff")), chat.ReasonTextNotUTF8},
		"a caption":                     {3, 0, edit(4, text("new")), ""},
		"a caption away":                {3, 0, edit(4, text("")), ""},
		"another picture":               {3, 0, edit(4, chat.Media{Type: chat.MediaImage, Ref: "other"}), chat.ReasonBodyInvalid},
		"custom":                        {4, 0, edit(5, chat.Custom{Type: "t", Data: []byte{2}}), ""},
		"custom of another type":        {4, 0, edit(5, chat.Custom{Type: "u"}), chat.ReasonBodyInvalid},
		"text to custom":                {3, 0, edit(3, chat.Custom{Type: "t"}), chat.ReasonBodyInvalid},
		"without content":               {3, 0, edit(3, nil), chat.ReasonBodyInvalid},
		"to an edit":                    {3, 0, edit(3, chat.Edit{Target: 3}), chat.ReasonBodyInvalid},
		"without a target":              {3, 0, edit(0, text("new")), chat.ReasonBodyInvalid},
		"of what is not there":          {3, 0, edit(99, text("new")), chat.ReasonMessageNotFound},
		"of what is no message":         {1, 0, edit(1, text("new")), chat.ReasonMessageNotFound},
		"by a stranger":                 {9, 0, edit(3, text("new")), chat.ReasonConversationNotFound},
		"recall":                        {3, 0, chat.Recall{Target: 3}, ""},
		"recall, too late":              {3, 48*hour + 1, chat.Recall{Target: 3}, chat.ReasonTooLate},
		"recall by another":             {4, 0, chat.Recall{Target: 3}, chat.ReasonNotYourMessage},
		"recall by an admin, ever":      {2, 1 << 40, chat.Recall{Target: 3, Note: "spam"}, ""},
		"recall by the owner":           {1, 1 << 40, chat.Recall{Target: 5}, ""},
		"recall by the server":          {0, 1 << 40, chat.Recall{Target: 5}, ""},
		"recall of nothing":             {3, 0, chat.Recall{}, chat.ReasonBodyInvalid},
		"recall of what is no message":  {1, 0, chat.Recall{Target: 2}, chat.ReasonMessageNotFound},
		"recall with too much to say":   {3, 0, chat.Recall{Target: 3, Note: strings.Repeat("x", 257)}, chat.ReasonFieldTooLarge},
		"recall by a stranger":          {9, 0, chat.Recall{Target: 3}, chat.ReasonConversationNotFound},
		"before the clock was set back": {3, 0, edit(3, text("new")), ""},
		"recall of what is not for me":  {4, 0, chat.Recall{Target: 99}, chat.ReasonMessageNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := amendWorld(t)
			before := w.heads[1]
			w.nowMS += row.after
			r := w.do(&chat.Draft{Conversation: 1, Sender: row.sender, ClientID: chat.ClientID{99}, Body: row.body})
			got := chat.Reason("")
			if r.Err != nil {
				got = r.Err.Reason
			}
			assert.Equal(t, "reason", got, row.want)
			if row.want != "" {
				assert.Equal(t, "nothing was stored", w.heads[1], before)
				return
			}
			assert.Equal(t, "the ordinal stays", w.heads[1].Ordinal, before.Ordinal)
			assert.Equal(t, "the head names it", w.heads[1].Amended, r.Seq)
			read := w.parts[[2]uint64{1, uint64(row.sender)}].Read
			assert.True(t, "nothing is read by it", read.Seq < r.Seq)
		})
	}
	w := amendWorld(t)
	r := w.do(&chat.Draft{Conversation: 1, Sender: 3, Body: edit(3, text("new"))})
	assert.Equal(t, "without a client id", r.Err.Reason, chat.ReasonClientIDInvalid)
}

// AMD-3, AMD-6: who is muted edits nothing, and may take back.
func TestMutedAmends(t *testing.T) {
	t.Parallel()
	w := amendWorld(t)
	w.do(&chat.Draft{Conversation: 1, Sender: 1, Body: chat.MembersChanged{Action: chat.MemberMuted, Users: []chat.UserID{3}, UntilMS: 1 << 50}})
	r := w.do(&chat.Draft{Conversation: 1, Sender: 3, ClientID: chat.ClientID{9}, Body: chat.Edit{Target: 3, Body: chat.Text{Text: "new"}}})
	assert.Equal(t, "edit", r.Err.Reason, chat.ReasonMuted)
	r = w.do(&chat.Draft{Conversation: 1, Sender: 3, ClientID: chat.ClientID{9}, Body: chat.Recall{Target: 3}})
	assert.True(t, "recall", r.Err == nil)
}

// AMD-5: the number of edits is bounded.
func TestEditsAreBounded(t *testing.T) {
	t.Parallel()
	w := amendWorld(t)
	for n := range chat.MaxEdits + 1 {
		r := w.do(&chat.Draft{Conversation: 1, Sender: 3, ClientID: chat.ClientID{1, byte(n)}, Body: chat.Edit{Target: 3, Body: chat.Text{Text: "new"}}})
		if n < chat.MaxEdits {
			assert.True(t, "an edit", r.Err == nil)
		} else {
			assert.Equal(t, "one too many", r.Err.Reason, chat.ReasonTooManyEdits)
		}
	}
	r := w.do(&chat.Draft{Conversation: 1, Sender: 3, ClientID: chat.ClientID{2}, Body: chat.Recall{Target: 3}})
	assert.True(t, "it can be taken back", r.Err == nil)
	for seq := r.Seq - chat.MaxEdits; seq < r.Seq; seq++ {
		assert.Equal(t, "an edit", w.entries[[2]uint64{1, uint64(seq)}].Body, chat.Body(chat.Edit{Target: 3}))
	}
}

// AMD-2: in a direct conversation nobody takes back what the other one wrote.
func TestRecallInDirect(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.do(&chat.Draft{Conversation: 1, Sender: 1, Body: chat.Created{Kind: chat.KindDirect, Members: []chat.UserID{1, 2}}})
	w.do(&chat.Draft{Conversation: 1, Sender: 1, ClientID: chat.ClientID{1}, Body: chat.Text{Text: "hi"}})
	r := w.do(&chat.Draft{Conversation: 1, Sender: 2, ClientID: chat.ClientID{2}, Body: chat.Recall{Target: 2}})
	assert.Equal(t, "reason", r.Err.Reason, chat.ReasonNotYourMessage)
}
