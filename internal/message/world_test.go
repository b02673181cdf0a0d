package message_test

import (
	"testing"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/message"
)

// world is a State in maps: the smallest thing that decisions can be made on.
type world struct {
	rules   message.Rules
	nowMS   uint64
	heads   map[chat.ConversationID]chat.Head
	abouts  map[chat.ConversationID]chat.Conversation
	parts   map[[2]uint64]message.Part
	repeats map[string]message.Repeat
	entries map[[2]uint64]chat.Entry
}

func newWorld() *world {
	return &world{
		rules: message.DefaultRules(), nowMS: 1_000,
		heads:   map[chat.ConversationID]chat.Head{},
		abouts:  map[chat.ConversationID]chat.Conversation{},
		parts:   map[[2]uint64]message.Part{},
		repeats: map[string]message.Repeat{},
		entries: map[[2]uint64]chat.Entry{},
	}
}

func (w *world) Head(id chat.ConversationID) chat.Head                 { return w.heads[id] }
func (w *world) Conversation(id chat.ConversationID) chat.Conversation { return w.abouts[id] }
func (w *world) Part(id chat.ConversationID, user chat.UserID) message.Part {
	return w.parts[[2]uint64{uint64(id), uint64(user)}]
}

func (w *world) Repeat(id chat.ConversationID, sender chat.UserID, client chat.ClientID) (message.Repeat, bool) {
	r, ok := w.repeats[repeatKey(id, sender, client)]
	return r, ok
}

func (w *world) Ordinal(id chat.ConversationID, seq chat.Seq) chat.Ordinal {
	return w.entries[[2]uint64{uint64(id), uint64(seq)}].Ordinal
}

func (w *world) Entries(id chat.ConversationID, seqs ...chat.Seq) []chat.Entry {
	var out []chat.Entry
	for _, seq := range seqs {
		if e, ok := w.entries[[2]uint64{uint64(id), uint64(seq)}]; ok {
			out = append(out, e)
		}
	}
	return out
}

func repeatKey(id chat.ConversationID, sender chat.UserID, client chat.ClientID) string {
	return string([]byte{byte(id), byte(sender)}) + client.String()
}

// do decides a draft and applies what it changes.
func (w *world) do(d *chat.Draft) chat.Result {
	e, err := w.rules.Decide(w, d, w.nowMS)
	if err != nil {
		return chat.Result{Err: err}
	}
	id := d.Conversation
	if e.Entry != nil {
		w.heads[id] = e.Head
		w.entries[[2]uint64{uint64(id), uint64(e.Entry.Seq)}] = *e.Entry
		for _, a := range e.Amended {
			w.entries[[2]uint64{uint64(id), uint64(a.Seq)}] = *a
		}
	}
	if e.Conversation != nil {
		w.abouts[id] = *e.Conversation
	}
	for _, p := range e.Parts {
		w.parts[[2]uint64{uint64(id), uint64(p.User)}] = p
	}
	if e.Keep {
		w.repeats[repeatKey(id, d.Sender, d.ClientID)] = e.Repeat
	}
	return e.Result
}

// must applies a draft that no rule refuses.
func (w *world) must(t *testing.T, d *chat.Draft) chat.Result {
	t.Helper()
	r := w.do(d)
	if r.Err != nil {
		t.Fatalf("%+v: refused: %v", d.Body, r.Err)
	}
	return r
}

const (
	group  = chat.ConversationID(1)
	direct = chat.ConversationID(2)

	owner    = chat.UserID(1)
	admin    = chat.UserID(2)
	member   = chat.UserID(3)
	gone     = chat.UserID(4)
	stranger = chat.UserID(9)
	server   = chat.UserID(0)
)

// town is a world with a group that has all kinds of people in it, and a direct conversation of owner and member.
func town(t *testing.T) *world {
	w := newWorld()
	w.must(t, &chat.Draft{Conversation: group, Sender: owner, Body: chat.Created{
		Kind: chat.KindGroup, Name: "town", Members: []chat.UserID{owner, admin, member, gone},
	}})
	w.must(t, change(owner, chat.MembersChanged{Action: chat.MemberRole, Role: chat.RoleAdmin, Users: []chat.UserID{admin}}))
	w.must(t, change(gone, chat.MembersChanged{Action: chat.MemberLeft, Users: []chat.UserID{gone}}))
	w.must(t, &chat.Draft{Conversation: direct, Sender: owner, Body: chat.Created{Kind: chat.KindDirect, Members: []chat.UserID{owner, member}}})
	return w
}

func change(sender chat.UserID, b chat.Body) *chat.Draft {
	return &chat.Draft{Conversation: group, Sender: sender, Body: b}
}

func text(sender chat.UserID, client byte, s string) *chat.Draft {
	return &chat.Draft{Conversation: group, Sender: sender, ClientID: chat.ClientID{client}, Body: chat.Text{Text: s}}
}

func users(u ...chat.UserID) []chat.UserID { return u }
