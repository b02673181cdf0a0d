package porttest

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/timeline"
)

// Logs runs the rules TLG-1 and TLG-2 of timeline.Logs against an adapter. Open returns a fresh, empty one; the test closes it.
func Logs(t *testing.T, open func(t testing.TB) Engine) {
	t.Helper()
	runEngine(t, open, []engineCase{
		{"TLG-1 parts are of one moment", logsMoment},
		{"TLG-2 a call sees what was answered before", logsSeeAll},
		{"parts stand in the order asked", logsParts},
		{"the end of who is no member any more", logsEnd},
		{"what stands about conversations", logsAbout},
		{"the newest entries", logsNewest},
		{"many at a time", logsMany},
		{"members are paged by id", logsMembers},
	})
}

func (e Engine) parts(t testing.TB, user chat.UserID, ids ...chat.ConversationID) []timeline.Part {
	t.Helper()
	parts, err := e.Logs.Parts(t.Context(), user, ids)
	assert.NoError(t, "parts", err)
	assert.Equal(t, "as many as asked for", len(parts), len(ids))
	return parts
}

// neighbours are conversations of one slot, and so of one database.
func neighbours(n int) []chat.ConversationID {
	ids := []chat.ConversationID{1}
	for id := ids[0] + 1; len(ids) < n; id++ {
		if id.Slot() == ids[0].Slot() {
			ids = append(ids, id)
		}
	}
	return ids
}

func logsMoment(t *testing.T, e Engine) {
	ids := neighbours(2)
	e.must(t, group(ids[0], alice, bob), group(ids[1], alice, bob))
	var wg sync.WaitGroup
	const appends = 100
	wg.Go(func() {
		for n := range appends {
			e.must(t, text(ids[0], alice, n), text(ids[1], alice, n)) // together or not at all
		}
	})
	for last := chat.Seq(0); last <= appends; {
		p := e.parts(t, alice, ids...)
		assert.Equal(t, "of one moment", p[0].Head.Seq, p[1].Head.Seq)
		for i := range p {
			assert.Equal(t, "the position of who writes", p[i].Read.Seq, p[i].Head.Seq)
		}
		assert.True(t, "forward only", p[0].Head.Seq >= last)
		last = p[0].Head.Seq
	}
	wg.Wait()
}

func logsSeeAll(t *testing.T, e Engine) {
	e.must(t, group(1, alice, bob))
	for n := range 20 {
		seq := e.must(t, text(1, alice, n))[0].Seq
		assert.Equal(t, "head", e.parts(t, bob, 1)[0].Head.Seq, seq)
		page, err := e.Logs.Newest(t.Context(), []timeline.Want{{Conversation: 1, To: seq, Limit: 1}})
		assert.NoError(t, "newest", err)
		assert.Equal(t, "newest", page[0][0].Seq, seq)
	}
	assert.True(t, "epoch", e.Logs.Epoch() > 0 && e.Logs.Epoch() == e.Log.Epoch())
}

func logsParts(t *testing.T, e Engine) {
	e.must(t, group(1, alice, bob), group(2, bob, alice), group(3, bob, carol), text(1, alice, 1), text(2, bob, 2), &chat.Draft{Conversation: 2, Sender: alice, Mark: 2})
	p := e.parts(t, alice, 3, 404, 2, 1, 2)
	assert.Equal(t, "heads", [5]chat.Seq{p[0].Head.Seq, p[1].Head.Seq, p[2].Head.Seq, p[3].Head.Seq, p[4].Head.Seq}, [5]chat.Seq{1, 0, 2, 2, 2})
	assert.True(t, "one that is not there", !p[1].Head.Exists() && len(p[1].Member.Spans) == 0)
	assert.True(t, "a stranger's", p[0].Head.Exists() && len(p[0].Member.Spans) == 0 && p[0].End.Seq == 0)
	assert.True(t, "a member's", p[2].Member.Current() && p[2].Member.User == alice && p[2].Read == chat.Read{Seq: 2, Ordinal: 1})
	assert.Equal(t, "the same twice", p[4], p[2])
	assert.True(t, "the owner's", p[3].Member.Role == chat.RoleOwner && p[3].Head.Members == 2)
	assert.Equal(t, "of nothing", len(e.parts(t, alice)), 0)
}

func logsEnd(t *testing.T, e Engine) {
	remove := &chat.Draft{Conversation: 1, Sender: alice, Body: chat.MembersChanged{Action: chat.MemberRemoved, Users: []chat.UserID{bob}}}
	e.must(t, group(1, alice, bob), text(1, alice, 1), text(1, alice, 2), remove, text(1, alice, 3))
	for _, engine := range []Engine{e, e.Crash(t)} {
		p := engine.parts(t, bob, 1)[0]
		entry := engine.entries(t, 1)[3]
		entry.Body, entry.ClientID, entry.Act = nil, chat.ClientID{}, chat.Act{}
		assert.Equal(t, "the head is not capped", p.Head.Seq, chat.Seq(5))
		assert.Equal(t, "the end", p.End, entry)
		assert.Equal(t, "the place", [2]uint64{uint64(p.End.Seq), uint64(p.End.Ordinal)}, [2]uint64{4, 2})
		assert.Equal(t, "of a member", engine.parts(t, alice, 1)[0].End.Seq, chat.Seq(0))
	}
	e.must(t, &chat.Draft{Conversation: 1, Sender: alice, Body: chat.MembersChanged{Action: chat.MemberAdded, Users: []chat.UserID{bob}}})
	assert.Equal(t, "of who came back", e.parts(t, bob, 1)[0].End.Seq, chat.Seq(0))
}

func logsAbout(t *testing.T, e Engine) {
	e.must(t, group(1, alice, bob), &chat.Draft{Conversation: 2, Sender: bob, Body: chat.Created{Kind: chat.KindDirect, Members: []chat.UserID{bob, alice}}})
	about, err := e.Logs.Conversations(t.Context(), []chat.ConversationID{2, 404, 1, 2})
	assert.NoError(t, "conversations", err)
	assert.Equal(t, "ids", [4]chat.ConversationID{about[0].ID, about[1].ID, about[2].ID, about[3].ID}, [4]chat.ConversationID{2, 0, 1, 2})
	assert.Equal(t, "a pair", about[0].Pair, [2]chat.UserID{alice, bob})
	assert.Equal(t, "a group", about[2].Name, "group")
}

func logsNewest(t *testing.T, e Engine) {
	e.must(t, group(1, alice, bob), group(2, alice, bob))
	for n := range 9 {
		e.must(t, text(1, alice, n), text(2, bob, n))
	}
	e.must(t, draft(1, alice, 50, chat.Text{Text: strings.Repeat("x", 20_000)}), text(1, alice, 51))
	all := map[chat.ConversationID][]chat.Entry{1: e.entries(t, 1), 2: e.entries(t, 2)}
	wants := []timeline.Want{
		{Conversation: 1, To: 12, Limit: 3, MaxBytes: 1 << 20},
		{Conversation: 2, To: 10, Limit: 200, MaxBytes: 1 << 20},
		{Conversation: 1, To: 10, Limit: 2, MaxBytes: 1 << 20},
		{Conversation: 404, To: 10, Limit: 2, MaxBytes: 1 << 20},
		{Conversation: 1, To: 12, Limit: 5, MaxBytes: 1_000}, // the large one has no room
		{Conversation: 1, To: 11, Limit: 5, MaxBytes: 1_000}, // one comes whatever its size
		{Conversation: 2, To: 1, Limit: 5, MaxBytes: 1_000},
		{Conversation: 2, To: 10, Limit: 0, MaxBytes: 1_000}, // at least one
	}
	spans := [][2]chat.Seq{{10, 12}, {1, 10}, {9, 10}, {1, 0}, {12, 12}, {11, 11}, {1, 1}, {10, 10}}
	got, err := e.Logs.Newest(t.Context(), wants)
	assert.NoError(t, "newest", err)
	for i, span := range spans {
		what := fmt.Sprintf("want %d", i)
		assert.Equal(t, what+": entries", len(got[i]), int(span[1]+1-span[0]))
		for j, entry := range got[i] {
			assert.Equal(t, what, entry, all[wants[i].Conversation][int(span[0])+j-1])
		}
	}
	got, err = e.Logs.Newest(t.Context(), nil)
	assert.True(t, "of nothing", err == nil && len(got) == 0)
}

func logsMany(t *testing.T, e Engine) {
	const n = 700
	ids, wants := make([]chat.ConversationID, n), make([]timeline.Want, n)
	drafts := make([]*chat.Draft, 0, n)
	for i := range ids {
		ids[i] = chat.ConversationID(n - i)
		wants[i] = timeline.Want{Conversation: ids[i], To: 1, Limit: 10, MaxBytes: 1_000}
		drafts = append(drafts, group(ids[i], alice, bob))
	}
	e.must(t, drafts...)
	parts := e.parts(t, bob, ids...)
	about, err := e.Logs.Conversations(t.Context(), ids)
	assert.NoError(t, "conversations", err)
	newest, err := e.Logs.Newest(t.Context(), wants)
	assert.NoError(t, "newest", err)
	for i, id := range ids {
		assert.True(t, "each in its place", parts[i].Head.Conversation == id && parts[i].Member.Current() && about[i].ID == id &&
			len(newest[i]) == 1 && newest[i][0].Conversation == id)
	}
}

func logsMembers(t *testing.T, e Engine) {
	var all []chat.UserID
	for u := chat.UserID(1); u <= 50; u++ {
		all = append(all, u*300)
	}
	e.must(t, group(1, all...), group(2, alice))
	e.must(t, &chat.Draft{Conversation: 1, Sender: 300, Body: chat.MembersChanged{Action: chat.MemberRemoved, Users: []chat.UserID{600}}})
	var got []chat.UserID
	for after := chat.UserID(0); ; {
		page, err := e.Logs.Members(t.Context(), 1, after, 7)
		assert.NoError(t, "members", err)
		assert.True(t, "page size", len(page) <= 7)
		if len(page) == 0 {
			break
		}
		got = append(got, page...)
		after = got[len(got)-1]
	}
	assert.Equal(t, "members", got, append([]chat.UserID{300}, all[2:]...))
}
