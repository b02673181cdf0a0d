package porttest

import (
	"context"
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/message"
)

// Log runs the rules LOG-1 to LOG-18 against an adapter. Open returns a fresh, empty one; the test closes it.
func Log(t *testing.T, open func(t testing.TB) Engine) {
	t.Helper()
	runEngine(t, open, []engineCase{
		{"LOG-1 seqs have no gap under concurrent appends", logContiguous},
		{"LOG-1 seqs go on after a crash", logContiguousAfterCrash},
		{"LOG-2 drafts are decided in order", logInOrder},
		{"LOG-2 a refused draft hinders no other", logRefused},
		{"LOG-3 an append is decided after the one before", logDecidedAfter},
		{"LOG-4 what was waited for stands after a crash", logDurable},
		{"LOG-5 what was read stands after a crash", logReadIsDurable},
		{"LOG-6 a repeat gets the first answer", logRepeat},
		{"LOG-6 one of many repeats is stored", logRepeatRace},
		{"LOG-7 membership holds at its own seq", logMembership},
		{"LOG-8 a send moves the sender's read position", logOwnRead},
		{"LOG-8 who has to wait in slow mode still has to after a crash", logSlowMode},
		{"LOG-10 a closed log promises that nothing was stored", logClosed},
		{"LOG-10 a caller that gave up", logCanceled},
		{"LOG-11 a tombstone keeps the place", logTombstone},
		{"LOG-12 a bar holds from its append on", logBar},
		{"LOG-13 who holds a gate opens it by writing", logGate},
		{"LOG-11 edits of what is removed are emptied", logTombstoneEdited},
		{"LOG-15 an edit replaces what the message says", logEdit},
		{"LOG-15 in one append", logEditTogether},
		{"LOG-15 a recall takes content and edits", logRecall},
		{"LOG-15 whoever edits while content is removed", logEditRace},
		{"LOG-17 what is pinned stands with the conversation", logPin},
		{"LOG-17 whoever pins at the same time", logPinRace},
		{"LOG-18 a reply names the message that it answers", logReply},
		{"LOG-18 a message names those it mentions who are members", logMention},
		{"ranges", logRanges},
		{"every body comes back", logBodies},
		{"heads of what is not there are zero", logNoHeads},
	})
}

func logContiguous(t *testing.T, e Engine) {
	e.must(t, group(1, alice, bob), group(2, alice, bob))
	const writers, each = 8, 25
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				e.must(t, text(1, alice, w*each+i), text(2, bob, w*each+i))
			}
		})
	}
	wg.Wait()
	assert.Equal(t, "entries", len(e.contiguous(t, 1)), writers*each+1)
	assert.Equal(t, "entries", len(e.contiguous(t, 2)), writers*each+1)
}

func logContiguousAfterCrash(t *testing.T, e Engine) {
	e.must(t, group(1, alice, bob))
	for n := range 20 {
		e.apply(t, text(1, alice, n)) // not waited for: they may be lost, but only from the end
	}
	after := e.Crash(t)
	before := after.contiguous(t, 1)
	r := after.must(t, text(1, bob, 100))[0]
	assert.Equal(t, "the next seq", r.Seq, chat.Seq(len(before)+1))
	after.contiguous(t, 1)
}

func logInOrder(t *testing.T, e Engine) {
	add := &chat.Draft{Conversation: 1, Sender: alice, Body: chat.MembersChanged{Action: chat.MemberAdded, Users: []chat.UserID{carol}}}
	results := e.do(t, text(1, alice, 1), group(1, alice, bob), text(1, alice, 2), text(1, carol, 3), add, text(1, carol, 4), text(1, alice, 2))
	want := []chat.Reason{chat.ReasonConversationNotFound, "", "", chat.ReasonConversationNotFound, "", "", ""}
	for i, r := range results {
		assert.Equal(t, fmt.Sprintf("draft %d", i), reasonOf(r), want[i])
	}
	assert.Equal(t, "seq of the last", results[5].Seq, chat.Seq(4))
	assert.True(t, "a repeat in the same append", results[6].Repeat && results[6].Seq == 2)
}

func logRefused(t *testing.T, e Engine) {
	e.must(t, group(1, alice, bob))
	before := e.head(t, 1)
	results := e.do(t, text(1, eve, 1), draft(1, alice, 2, chat.Text{}), &chat.Draft{Conversation: 1, Sender: alice, Mark: 99})
	assert.Equal(t, "stranger", reasonOf(results[0]), chat.ReasonConversationNotFound)
	assert.Equal(t, "empty", reasonOf(results[1]), chat.ReasonTextEmpty)
	assert.Equal(t, "beyond", reasonOf(results[2]), chat.ReasonReadBeyondHead)
	assert.Equal(t, "head", e.head(t, 1), before)
	results = e.do(t, text(1, eve, 1), text(1, alice, 2))
	assert.Equal(t, "the other one", reasonOf(results[1]), "")
	assert.Equal(t, "its seq", results[1].Seq, chat.Seq(2))
}

func logDecidedAfter(t *testing.T, e Engine) {
	e.apply(t, group(1, alice, bob))
	for n := range 50 {
		r := e.apply(t, text(1, alice, n)).Results()[0]
		assert.Equal(t, "seq", r.Seq, chat.Seq(n+2))
		r = e.apply(t, text(1, alice, n)).Results()[0]
		assert.True(t, "a repeat that nobody waited for", r.Repeat && r.Seq == chat.Seq(n+2))
	}
}

func logDurable(t *testing.T, e Engine) {
	e.must(t, group(1, alice, bob))
	last := e.must(t, text(1, alice, 1))[0]
	mark := e.must(t, &chat.Draft{Conversation: 1, Sender: bob, Mark: 2})[0]
	after := e.Crash(t)
	all := after.contiguous(t, 1)
	assert.Equal(t, "entries", len(all), 2)
	assert.Equal(t, "the time that was answered", all[1].TimeMS, last.TimeMS)
	read, err := after.Directory.Read(t.Context(), 1, bob)
	assert.NoError(t, "reading", err)
	assert.Equal(t, "read position", read, mark.Read)
	r := after.must(t, text(1, alice, 1))[0]
	last.Repeat = true
	assert.Equal(t, "the repeat's answer", r, last)
	// Also a refusal and a repeat are answers: what they rest on stands.
	e.apply(t, text(1, alice, 2))
	a := e.apply(t, draft(1, alice, 2, chat.Text{Text: "other"}))
	assert.Equal(t, "refusal", reasonOf(a.Results()[0]), chat.ReasonIdempotencyConflict)
	assert.NoError(t, "waiting", a.Wait(t.Context()))
	assert.Equal(t, "entries", len(e.Crash(t).contiguous(t, 1)), 3)
}

func logReadIsDurable(t *testing.T, e Engine) {
	e.apply(t, group(1, alice, bob))
	for n := range 30 {
		e.apply(t, text(1, alice, n))
		want := n + 2
		switch n % 4 {
		case 0:
			assert.Equal(t, "head", e.head(t, 1).Seq, chat.Seq(want))
		case 1:
			page, err := e.Log.Range(t.Context(), message.Range{Conversation: 1, Limit: 1, Backward: true})
			assert.NoError(t, "reading", err)
			assert.Equal(t, "last", page[0].Seq, chat.Seq(want))
		case 2:
			read, err := e.Directory.Read(t.Context(), 1, alice)
			assert.NoError(t, "reading", err)
			assert.Equal(t, "read", read.Seq, chat.Seq(want))
		default:
			continue
		}
		assert.Equal(t, "head after a crash", e.Crash(t).head(t, 1).Seq, chat.Seq(want))
	}
}

func logRepeat(t *testing.T, e Engine) {
	e.must(t, group(1, alice, bob))
	first := e.must(t, text(1, alice, 1))[0]
	e.must(t, text(1, bob, 1)) // the same client id of another sender
	e.must(t, group(2, alice, bob), text(2, alice, 1))
	first.Repeat = true
	first.Read = chat.Read{Seq: 2, Ordinal: 1}
	assert.Equal(t, "repeat", e.must(t, text(1, alice, 1))[0], first)
	other := e.do(t, draft(1, alice, 1, chat.Text{Text: "other"}))[0]
	assert.Equal(t, "other content", reasonOf(other), chat.ReasonIdempotencyConflict)
	assert.Equal(t, "entries", len(e.contiguous(t, 1)), 3)
	assert.Equal(t, "repeat after a crash", e.Crash(t).must(t, text(1, alice, 1))[0], first)
}

func logRepeatRace(t *testing.T, e Engine) {
	e.must(t, group(1, alice, bob))
	var wg sync.WaitGroup
	seqs := make([]chat.Seq, 16)
	for i := range seqs {
		wg.Go(func() { seqs[i] = e.must(t, text(1, alice, 7))[0].Seq })
	}
	wg.Wait()
	for _, s := range seqs {
		assert.Equal(t, "seq", s, chat.Seq(2))
	}
	assert.Equal(t, "entries", len(e.contiguous(t, 1)), 2)
}

func logMembership(t *testing.T, e Engine) {
	e.must(t, group(1, alice, bob))
	members := func(a chat.MemberAction, u chat.UserID) *chat.Draft {
		return &chat.Draft{Conversation: 1, Sender: alice, Body: chat.MembersChanged{Action: a, Users: []chat.UserID{u}}}
	}
	results := e.do(t, members(chat.MemberAdded, carol), text(1, carol, 1), members(chat.MemberRemoved, carol), text(1, carol, 2), text(1, carol, 1))
	assert.Equal(t, "while a member", results[1].Seq, chat.Seq(3))
	assert.Equal(t, "removed", reasonOf(results[3]), chat.ReasonNotAMember)
	assert.True(t, "the repeat of one who was removed", results[4].Repeat && results[4].Seq == 3)
	for _, engine := range []Engine{e, e.Crash(t)} {
		m, err := engine.Directory.Member(t.Context(), 1, carol)
		assert.NoError(t, "member", err)
		assert.Equal(t, "spans", m.Spans, []chat.Span{{From: 2, To: 4}})
		assert.Equal(t, "removed, after", reasonOf(engine.do(t, text(1, carol, 3))[0]), chat.ReasonNotAMember)
	}
}

func logOwnRead(t *testing.T, e Engine) {
	e.must(t, group(1, alice, bob))
	r := e.must(t, text(1, bob, 1), text(1, alice, 1))[1]
	assert.Equal(t, "result's read position", r.Read, chat.Read{Seq: 3, Ordinal: 2})
	for user, want := range map[chat.UserID]chat.Read{alice: {Seq: 3, Ordinal: 2}, bob: {Seq: 2, Ordinal: 1}} {
		read, err := e.Crash(t).Directory.Read(t.Context(), 1, user)
		assert.NoError(t, "reading", err)
		assert.Equal(t, "read position", read, want)
	}
}

func logSlowMode(t *testing.T, e Engine) {
	day := uint32(chat.MaxSlowModeMS)
	e.must(t, group(1, alice, bob), draft(1, alice, 1, chat.Changed{SlowModeMS: &day}), text(1, bob, 2))
	after := e.Crash(t)
	assert.Equal(t, "the head", after.head(t, 1).SlowModeMS, day)
	assert.Equal(t, "the next message", reasonOf(after.do(t, text(1, bob, 3))[0]), chat.ReasonSlowMode)
	assert.True(t, "the repeat of the first one", after.must(t, text(1, bob, 2))[0].Repeat)
}

func logBar(t *testing.T, e Engine) {
	direct := func(id chat.ConversationID, bars map[chat.UserID]chat.Bar) *chat.Draft {
		return &chat.Draft{Conversation: id, Sender: alice, Bars: bars, Body: chat.Created{Kind: chat.KindDirect, Members: []chat.UserID{alice, bob}}}
	}
	bar := func(id chat.ConversationID, user chat.UserID, on bool, version uint64) *chat.Draft {
		return &chat.Draft{Conversation: id, Sender: user, Bars: map[chat.UserID]chat.Bar{user: {On: on, Version: version}}}
	}
	e.must(t, direct(1, nil), text(1, bob, 1))
	before := e.head(t, 1)
	results := e.do(t, bar(1, bob, true, 5), text(1, bob, 2), text(1, bob, 1), text(1, alice, 1))
	assert.Equal(t, "a bar", reasonOf(results[0]), "")
	assert.Equal(t, "a send right behind it", reasonOf(results[1]), chat.ReasonNotAccepted)
	assert.True(t, "a repeat of before is answered", results[2].Err == nil && results[2].Repeat)
	assert.Equal(t, "the other one writes", reasonOf(results[3]), "")
	assert.Equal(t, "a bar is no entry", e.head(t, 1).Seq, before.Seq+1)
	e.must(t, bar(1, bob, false, 4))
	e = e.Crash(t)
	assert.Equal(t, "an older one changes nothing, and a crash neither", reasonOf(e.do(t, text(1, bob, 2))[0]), chat.ReasonNotAccepted)
	m, err := e.Directory.Member(t.Context(), 1, bob)
	assert.NoError(t, "member", err)
	assert.Equal(t, "the member's bar", m.Bar, chat.Bar{On: true, Version: 5})
	e.must(t, &chat.Draft{Conversation: 1, Sender: bob, Mark: e.head(t, 1).Seq}, bar(1, bob, false, 6), text(1, bob, 2))
	e.contiguous(t, 1)

	e.must(t, bar(1, bob, true, 7))
	assert.Equal(t, "an edit", reasonOf(e.do(t, edit(bob, 3, 2, "said after all"))[0]), chat.ReasonNotAccepted)
	assert.Equal(t, "taking back", reasonOf(e.do(t, draft(1, bob, 4, chat.Recall{Target: 2}))[0]), "")

	e.must(t, direct(2, map[chat.UserID]chat.Bar{bob: {On: true, Version: 1}}))
	assert.Equal(t, "a conversation that begins with one", reasonOf(e.do(t, text(2, bob, 1))[0]), chat.ReasonNotAccepted)
	e.must(t, text(2, alice, 1))
	e.must(t, group(3, alice, bob))
	assert.Equal(t, "groups have none", reasonOf(e.do(t, bar(3, bob, true, 1))[0]), chat.ReasonConversationNotFound)
	assert.Equal(t, "nor has a stranger", reasonOf(e.do(t, bar(1, eve, true, 1))[0]), chat.ReasonConversationNotFound)
	assert.Equal(t, "of another one", reasonOf(e.do(t, &chat.Draft{Conversation: 1, Sender: bob, Bars: map[chat.UserID]chat.Bar{alice: {On: true}}})[0]), chat.ReasonBodyInvalid)
}

func logGate(t *testing.T, e Engine) {
	gate := func(g chat.Gate, version uint64) *chat.Draft {
		return &chat.Draft{Conversation: 1, Sender: bob, Bars: map[chat.UserID]chat.Bar{bob: {Gate: g, Version: version}}}
	}
	member := func(user chat.UserID) chat.Member {
		m, err := e.Directory.Member(t.Context(), 1, user)
		assert.NoError(t, "member", err)
		return m
	}
	e.must(t, &chat.Draft{Conversation: 1, Sender: alice, Body: chat.Created{Kind: chat.KindDirect, Members: []chat.UserID{alice, bob}}}, text(1, alice, 1), text(1, bob, 1))
	e.must(t, gate(chat.GateFriends, 5))
	assert.Equal(t, "behind a gate", reasonOf(e.do(t, text(1, bob, 2))[0]), chat.ReasonFriendsOnly)
	e.must(t, gate(chat.GateCommon, 6), &chat.Draft{Conversation: 1, Sender: bob, Mark: e.head(t, 1).Seq})
	e = e.Crash(t)
	assert.Equal(t, "behind a newer one", reasonOf(e.do(t, text(1, bob, 2))[0]), chat.ReasonCommonGroupOnly)
	assert.True(t, "who has it holds it", member(alice).Holds && !member(bob).Holds)
	e.must(t, text(1, alice, 2), text(1, bob, 2), text(1, alice, 3))
	assert.Equal(t, "it is open", member(bob).Bar, chat.Bar{Version: 6})
	assert.True(t, "and held by nobody", !member(alice).Holds)
	e.must(t, gate(chat.GateCommon, 6), text(1, bob, 3))
	e.must(t, gate(chat.GateFriends, 7))
	assert.Equal(t, "a newer one shuts it", reasonOf(e.do(t, text(1, bob, 4))[0]), chat.ReasonFriendsOnly)
	e.must(t, gate(chat.GateOpen, 7), text(1, bob, 4))
	assert.True(t, "opened by the terms", !member(alice).Holds)
	e.must(t, &chat.Draft{Conversation: 1, Sender: bob, Bars: map[chat.UserID]chat.Bar{bob: {On: true, Gate: chat.GateFriends, Version: 8}}}, text(1, alice, 4))
	assert.Equal(t, "a block stays", reasonOf(e.do(t, text(1, bob, 5))[0]), chat.ReasonNotAccepted)
	e.contiguous(t, 1)

	begin := &chat.Draft{Conversation: 2, Sender: alice, Body: chat.Created{Kind: chat.KindDirect, Members: []chat.UserID{alice, bob}}}
	begin.Bars = map[chat.UserID]chat.Bar{bob: {Gate: chat.GateFriends, Version: 1}}
	e.must(t, begin)
	assert.Equal(t, "a conversation that begins with one", reasonOf(e.do(t, text(2, bob, 1))[0]), chat.ReasonFriendsOnly)
	e.must(t, text(2, alice, 1), text(2, bob, 1))
}

func logClosed(t *testing.T, e Engine) {
	e.must(t, group(1, alice, bob))
	assert.NoError(t, "closing", e.Close())
	assert.NoError(t, "closing again", e.Close())
	_, err := e.Log.Append(t.Context(), []*chat.Draft{text(1, alice, 1)})
	assert.Equal(t, "append's code", chat.AsError(err).Code, chat.CodeUnavailable)
	_, err = e.Log.Range(t.Context(), message.Range{Conversation: 1})
	assert.Equal(t, "range's code", chat.AsError(err).Code, chat.CodeUnavailable)
	_, err = e.Log.Heads(t.Context(), []chat.ConversationID{1})
	assert.Equal(t, "heads' code", chat.AsError(err).Code, chat.CodeUnavailable)
	_, err = e.Directory.Member(t.Context(), 1, alice)
	assert.Equal(t, "member's code", chat.AsError(err).Code, chat.CodeUnavailable)
}

func logCanceled(t *testing.T, e Engine) {
	e.must(t, group(1, alice, bob))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := e.Log.Append(ctx, []*chat.Draft{text(1, alice, 1)})
	assert.Equal(t, "code", chat.AsError(err).Code, chat.CodeCanceled)
	assert.Equal(t, "head", e.head(t, 1).Seq, chat.Seq(1))
}

func logTombstone(t *testing.T, e Engine) {
	e.must(t, group(1, alice, bob), text(1, alice, 1), text(1, bob, 2), text(1, alice, 3))
	before := e.contiguous(t, 1)
	n, err := e.Log.Tombstone(t.Context(), 1, chat.Span{From: 1, To: 3}, alice, chat.TombstoneErased)
	assert.NoError(t, "tombstone", err)
	assert.Equal(t, "changed", n, 1)
	after := e.Crash(t)
	all := after.entries(t, 1)
	want := before[1]
	want.Body = chat.Tombstone{Reason: chat.TombstoneErased}
	assert.Equal(t, "the tombstone", all[1], want)
	assert.Equal(t, "another sender's", all[2], before[2])
	assert.Equal(t, "behind the span", all[3], before[3])
	assert.Equal(t, "an event", all[0], before[0])
	r := after.must(t, text(1, alice, 1))[0]
	assert.True(t, "the repeat's answer", r.Repeat && r.Seq == 2)
	n, err = after.Log.Tombstone(t.Context(), 1, chat.Span{From: 1}, 0, chat.TombstoneRetention)
	assert.NoError(t, "tombstone", err)
	assert.Equal(t, "changed of all", n, 2)
	n, err = after.Log.Tombstone(t.Context(), 404, chat.Span{From: 1}, 0, chat.TombstoneRetention)
	assert.True(t, "of nothing", n == 0 && err == nil)
}

func logRanges(t *testing.T, e Engine) {
	e.must(t, group(1, alice, bob), group(2, alice, bob))
	for n := range 9 {
		e.must(t, text(1, alice, n), text(2, alice, n))
	}
	e.must(t, draft(1, alice, 50, chat.Text{Text: strings.Repeat("x", 5_000)}), text(1, alice, 51))
	for _, c := range []struct {
		what     string
		ask      message.Range
		from, to chat.Seq
	}{
		{"all", message.Range{Limit: 200}, 1, 12},
		{"a middle", message.Range{From: 3, To: 5, Limit: 200}, 3, 5},
		{"limited", message.Range{From: 3, Limit: 2}, 3, 4},
		{"backward", message.Range{To: 7, Limit: 3, Backward: true}, 5, 7},
		{"the newest", message.Range{Limit: 2, Backward: true}, 11, 12},
		{"backward to a bound", message.Range{From: 6, To: 7, Limit: 9, Backward: true}, 6, 7},
		{"beyond the head", message.Range{From: 11, To: 1 << 60, Limit: 200}, 11, 12},
		{"the largest numbers", message.Range{From: 12, To: math.MaxUint64, Limit: 200}, 12, 12},
		{"limited in bytes", message.Range{From: 9, MaxBytes: 1_000, Limit: 200}, 9, 10},
		{"one however large", message.Range{From: 11, MaxBytes: 1_000, Limit: 200}, 11, 11},
	} {
		c.ask.Conversation = 1
		got, err := e.Log.Range(t.Context(), c.ask)
		assert.NoError(t, c.what, err)
		assert.Equal(t, c.what+": entries", len(got), int(c.to-c.from+1))
		for i, entry := range got {
			assert.Equal(t, c.what+": seq", entry.Seq, c.from+chat.Seq(i))
			assert.Equal(t, c.what+": conversation", entry.Conversation, chat.ConversationID(1))
		}
	}
	for _, none := range []message.Range{{Conversation: 1, From: 13}, {Conversation: 1, From: 5, To: 4}, {Conversation: 404}} {
		got, err := e.Log.Range(t.Context(), none)
		assert.True(t, "an empty range", err == nil && len(got) == 0)
	}
}

func logBodies(t *testing.T, e Engine) {
	name, empty, yes, no, slow, tier, none := "name", "", true, false, uint32(1<<20), chat.TierLarge, chat.Tier(0)
	e.must(t, group(1, alice, bob))
	bodies := []chat.Body{
		chat.Text{Text: "\x00 héllo 😀"},
		chat.Media{
			Type: chat.MediaVideo, Ref: "ref", MIME: "video/mp4", Size: 1 << 40, Width: 1, Height: 2, DurationMS: 3,
			Name: "n", Caption: "c", Preview: []byte{0, 1},
		},
		chat.Media{Type: chat.MediaImage, Ref: "r"},
		chat.Custom{Type: "t", Data: []byte{0xff}, Fallback: "f"},
		chat.Changed{Name: &name, Open: &yes},
		chat.Changed{Avatar: &name, Description: &name, Name: &empty, Open: &no},
		chat.Changed{SlowModeMS: &slow},
		chat.MembersChanged{Action: chat.MemberAdded, Users: []chat.UserID{chat.MaxID, 7}, Role: chat.RoleAdmin},
		chat.MembersChanged{Action: chat.MemberMuted, Users: []chat.UserID{bob}, UntilMS: 1 << 50},
		chat.MembersChanged{Action: chat.MemberRole, Users: []chat.UserID{bob}, Role: chat.RoleAdmin},
	}
	for i, b := range bodies {
		e.must(t, draft(1, alice, i, b))
	}
	system := []chat.Body{
		chat.Changed{Tier: &tier}, chat.Changed{Tier: &none, Name: &name}, chat.System{Event: "e", Args: map[string]string{"a": "b", "": ""}}, chat.System{Event: "x"}, chat.Dissolved{},
	}
	for i, b := range system {
		e.must(t, draft(1, 0, i, b))
	}
	all := e.Crash(t).contiguous(t, 1)
	created := chat.Created{Kind: chat.KindGroup, Name: "group", Members: []chat.UserID{alice, bob}}
	for i, want := range append(append([]chat.Body{created}, bodies...), system...) {
		assert.Equal(t, fmt.Sprintf("body %d", i), all[i].Body, want)
	}
	assert.Equal(t, "sender", all[1].Sender, alice)
	assert.Equal(t, "client id", all[1].ClientID, clientID(0))
}

func logNoHeads(t *testing.T, e Engine) {
	e.must(t, group(2, alice, bob))
	heads, err := e.Log.Heads(t.Context(), []chat.ConversationID{1, 2, 3})
	assert.NoError(t, "heads", err)
	assert.Equal(t, "there", []bool{heads[0].Exists(), heads[1].Exists(), heads[2].Exists()}, []bool{false, true, false})
	assert.Equal(t, "head", heads[1].Members, uint32(2))
	assert.True(t, "epoch", e.Log.Epoch() > 0 && e.Crash(t).Log.Epoch() == e.Log.Epoch())
}
