package api_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/throng-im/throng/internal/api"
	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
)

// PIN-2, PIN-5, PIN-6, GRP-13: what is pinned is listed, stands with the conversation, and is an act; who deleted it for oneself does not see it.
func TestListPins(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := newCell(t, w)
	own, plain := c.people[owner], c.people[member]
	client := 0
	pin := func(seq chat.Seq, on bool) {
		t.Helper()
		client++
		id := chat.ClientID{0: 9, 15: byte(client)}
		body := fmt.Sprintf(`{"conversation":"%d","clientId":%q,"pin":{"target":"%d","on":%v}}`, c.group, b64(id[:]), seq, on)
		assert.Equal(t, "pinning", w.call(t, "MessageService/Send", body, bearer(own.token)).reason(), ok)
	}
	second := w.send(t, plain.id, c.group, "second").Seq
	third := w.send(t, plain.id, c.group, "third").Seq
	pin(second, true)
	pin(c.head, true)
	pin(third, true)
	pin(second, false)
	ask := fmt.Sprintf(`{"conversation":"%d"}`, c.group)
	check := func(p person, want ...string) {
		t.Helper()
		var list struct {
			Pins []struct {
				Entry struct{ Seq, Text string }
				PinMs string
				By    string
			}
		}
		var view struct{ Conversation struct{ Pins []string } }
		a := w.call(t, "MessageService/ListPins", ask, bearer(p.token))
		assert.NoError(t, a.body, json.Unmarshal([]byte(a.body), &list))
		got := []string{}
		for _, pinned := range list.Pins {
			got = append(got, pinned.Entry.Seq)
			assert.True(t, "who and when", pinned.By == fmt.Sprint(own.id) && pinned.PinMs != "" && pinned.Entry.Text != "")
		}
		assert.Equal(t, "listed", got, want)
		a = w.call(t, "ConversationService/GetConversation", ask, bearer(p.token))
		assert.NoError(t, a.body, json.Unmarshal([]byte(a.body), &view))
		assert.Equal(t, "with the conversation", append([]string{}, view.Conversation.Pins...), want)
	}
	check(own, fmt.Sprint(third), fmt.Sprint(c.head))
	check(c.people[exMember], []string{}...)
	hide := fmt.Sprintf(`{"conversation":"%d","spans":[{"from":"%d","to":"%d"}]}`, c.group, third, third)
	assert.Equal(t, "deleting for oneself", w.call(t, "ReceiptService/HideEntries", hide, bearer(plain.token)).reason(), ok)
	check(plain, fmt.Sprint(c.head))
	var acts struct {
		Acts []struct{ Pin struct{ Target string } }
	}
	a := w.call(t, "ConversationService/ListActs", ask, bearer(own.token))
	assert.NoError(t, a.body, json.Unmarshal([]byte(a.body), &acts))
	assert.Equal(t, "the last act", acts.Acts[0].Pin.Target, fmt.Sprint(second))
}

// MLK-2, MLK-3, MLK-4: a link leads who may read the message to it, and is answered as the server writes it.
func TestResolveLink(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := newCell(t, w)
	public := newAPI(t, w, new(logBuffer), func(d *api.Deps) { d.PublicURL = "https://chat.example/" })
	type place struct {
		Conversation, Seq, Link, HeadSeq string
		Entry                            struct{ Text string }
		Around                           struct{ From, To string }
	}
	name := fmt.Sprintf("%d/%d", c.group, c.head)
	for i, link := range []string{name, "https://anywhere.example/c/" + name, name, "https://chat.example/c/" + name} {
		var got place
		at, written := w, name
		if i > 1 {
			at, written = public, "https://chat.example/c/"+name
		}
		a := at.call(t, "MessageService/ResolveLink", fmt.Sprintf(`{"link":%q}`, link), bearer(c.people[member].token))
		assert.NoError(t, a.body, json.Unmarshal([]byte(a.body), &got))
		assert.True(t, a.body, got.Conversation+"/"+got.Seq == name && got.Link == written && got.Entry.Text == "secret of the group")
		assert.True(t, a.body, got.Around.From == "1" && got.Around.To == got.HeadSeq)
	}
	a := public.call(t, "MessageService/ResolveLink", fmt.Sprintf(`{"link":%q}`, "https://anywhere.example/c/"+name), bearer(c.people[member].token))
	assert.Equal(t, "another server's", a.reason(), "message_link_invalid")
	a = w.call(t, "MessageService/ResolveLink", fmt.Sprintf(`{"link":%q}`, name), bearer(c.people[stranger].token))
	b := w.call(t, "MessageService/ResolveLink", `{"link":"123456789/1"}`, bearer(c.people[stranger].token))
	assert.True(t, "strangers learn nothing", a.reason() == hidden && b.reason() == hidden)
}
