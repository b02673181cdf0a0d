package message_test

import (
	"strings"
	"testing"
	"time"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/message"
	"github.com/throng-im/throng/internal/message/content"
)

// reason is the refusal's word; "" where nothing was refused.
func reason(r chat.Result) chat.Reason {
	if r.Err == nil {
		return ""
	}
	return r.Err.Reason
}

func TestWhoMayWhat(t *testing.T) {
	t.Parallel()
	everyone := users(server, owner, admin, member, gone, stranger)
	const (
		ok     = chat.Reason("")
		low    = chat.ReasonRoleTooLow
		left   = chat.ReasonNotAMember
		secret = chat.ReasonConversationNotFound
	)
	name := "new name"
	for what, c := range map[string]struct {
		body chat.Body
		want [6]chat.Reason // server, owner, admin, member, ex-member, stranger
	}{
		"text":             {chat.Text{Text: "x"}, [6]chat.Reason{ok, ok, ok, ok, left, secret}},
		"rename":           {chat.Changed{Name: &name}, [6]chat.Reason{ok, ok, ok, low, left, secret}},
		"dissolve":         {chat.Dissolved{}, [6]chat.Reason{ok, ok, low, low, left, secret}},
		"add":              {chat.MembersChanged{Action: chat.MemberAdded, Users: users(7)}, [6]chat.Reason{ok, ok, ok, low, left, secret}},
		"add an admin":     {chat.MembersChanged{Action: chat.MemberAdded, Users: users(7), Role: chat.RoleAdmin}, [6]chat.Reason{ok, ok, low, low, left, secret}},
		"remove a member":  {chat.MembersChanged{Action: chat.MemberRemoved, Users: users(member)}, [6]chat.Reason{ok, ok, ok, low, left, secret}},
		"remove an admin":  {chat.MembersChanged{Action: chat.MemberRemoved, Users: users(admin)}, [6]chat.Reason{ok, ok, low, low, left, secret}},
		"remove the owner": {chat.MembersChanged{Action: chat.MemberRemoved, Users: users(owner)}, [6]chat.Reason{ok, low, low, low, left, secret}},
		"promote":          {chat.MembersChanged{Action: chat.MemberRole, Users: users(member), Role: chat.RoleAdmin}, [6]chat.Reason{ok, ok, low, low, left, secret}},
		"transfer":         {chat.MembersChanged{Action: chat.MemberTransferred, Users: users(member)}, [6]chat.Reason{ok, ok, low, low, left, secret}},
		"mute":             {chat.MembersChanged{Action: chat.MemberMuted, Users: users(member), UntilMS: 5_000}, [6]chat.Reason{ok, ok, ok, low, left, secret}},
		"mute an admin":    {chat.MembersChanged{Action: chat.MemberMuted, Users: users(admin), UntilMS: 5_000}, [6]chat.Reason{ok, ok, low, low, left, secret}},
		"mute the owner":   {chat.MembersChanged{Action: chat.MemberMuted, Users: users(owner), UntilMS: 5_000}, [6]chat.Reason{ok, low, low, low, left, secret}},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			for i, who := range everyone {
				w := town(t)
				d := change(who, c.body)
				d.ClientID = chat.ClientID{42}
				before := w.heads[group]
				if got := reason(w.do(d)); got != c.want[i] {
					t.Errorf("user %d: got %q, want %q", who, got, c.want[i])
				} else if got != "" && w.heads[group] != before {
					t.Errorf("user %d: refused, but the head moved", who)
				}
			}
		})
	}
}

func TestJoin(t *testing.T) {
	t.Parallel()
	join := func(u chat.UserID) *chat.Draft {
		return change(u, chat.MembersChanged{Action: chat.MemberJoined, Users: users(u)})
	}
	w := town(t)
	assert.Equal(t, "stranger, closed", reason(w.do(join(stranger))), chat.ReasonConversationNotFound)
	assert.Equal(t, "ex-member, closed", reason(w.do(join(gone))), chat.ReasonNotOpen)
	open := true
	w.must(t, change(owner, chat.Changed{Open: &open}))
	w.must(t, text(owner, 1, "before"))
	r := w.must(t, join(stranger))
	p := w.Part(group, stranger)
	assert.Equal(t, "spans", p.Spans, []chat.Span{{From: r.Seq}})
	assert.Equal(t, "read position", p.Read, chat.Read{Seq: r.Seq, Ordinal: 1})
	assert.Equal(t, "result's read position", r.Read, p.Read)
	assert.Equal(t, "members", w.heads[group].Members, uint32(4))
	assert.Equal(t, "member seq", w.heads[group].MemberSeq, r.Seq)

	again := w.must(t, join(stranger))
	assert.True(t, "joining again changes nothing", again.Repeat && w.heads[group].Seq == r.Seq)

	back := w.must(t, join(gone))
	assert.Equal(t, "spans of who came back", w.Part(group, gone).Spans, []chat.Span{{From: 1, To: 3}, {From: back.Seq}})

	w.must(t, change(owner, chat.Dissolved{}))
	assert.Equal(t, "dissolved", reason(w.do(join(7))), chat.ReasonDissolved)
}

func TestRepeats(t *testing.T) {
	t.Parallel()
	w := town(t)
	first := w.must(t, text(member, 1, "hello"))
	w.nowMS++
	again := w.must(t, text(member, 1, "hello"))
	first.Repeat = true
	assert.Equal(t, "the repeat's answer", again, first)
	assert.Equal(t, "other content", reason(w.do(text(member, 1, "bye"))), chat.ReasonIdempotencyConflict)
	w.must(t, text(admin, 1, "another sender's own id"))

	w.must(t, change(owner, chat.MembersChanged{Action: chat.MemberRemoved, Users: users(member)}))
	again = w.must(t, text(member, 1, "hello"))
	assert.Equal(t, "the repeat's answer after removal", again.Seq, first.Seq)
	assert.Equal(t, "a new one after removal", reason(w.do(text(member, 2, "hello"))), chat.ReasonNotAMember)

	late := text(owner, 7, "second")
	late.After = chat.ClientID{6}
	assert.Equal(t, "before what it comes after", reason(w.do(late)), chat.ReasonAfterMissing)
	w.must(t, text(owner, 6, "first"))
	w.must(t, late)
}

func TestCreatedIsIdempotent(t *testing.T) {
	t.Parallel()
	w := town(t)
	r := w.must(t, &chat.Draft{Conversation: direct, Sender: member, Body: chat.Created{Kind: chat.KindDirect, Members: users(member, owner)}})
	assert.True(t, "the other one asks", r.Repeat && r.Seq == 1 && r.TimeMS == 1_000)
	r = w.must(t, &chat.Draft{Conversation: group, Sender: owner, Body: chat.Created{
		Kind: chat.KindGroup, Name: "town", Members: users(owner, admin, member, gone),
	}})
	assert.True(t, "the maker asks again", r.Repeat && r.Seq == 1)
	other := &chat.Draft{Conversation: group, Sender: stranger, Body: chat.Created{Kind: chat.KindGroup, Members: users(stranger)}}
	assert.Equal(t, "another group under the id", reason(w.do(other)), chat.ReasonConversationThere)
	w.must(t, &chat.Draft{Conversation: 5, Sender: owner, Body: chat.Created{Kind: chat.KindDirect, Members: users(owner)}})
	assert.Equal(t, "pair of who talks to itself", w.abouts[5].Pair, [2]chat.UserID{owner, owner})
}

func TestMarks(t *testing.T) {
	t.Parallel()
	w := town(t)
	mark := func(u chat.UserID, s chat.Seq) *chat.Draft {
		return &chat.Draft{Conversation: group, Sender: u, Mark: s}
	}
	w.must(t, text(owner, 1, "a")) // seq 4, ordinal 1
	w.must(t, text(owner, 2, "b"))
	assert.Equal(t, "own messages are read", w.Part(group, owner).Read, chat.Read{Seq: 5, Ordinal: 2})
	r := w.must(t, mark(member, 4))
	assert.Equal(t, "read", r.Read, chat.Read{Seq: 4, Ordinal: 1})
	assert.Equal(t, "unread", r.Ordinal-r.Read.Ordinal, chat.Ordinal(1))
	assert.Equal(t, "backwards", w.must(t, mark(member, 2)).Read, chat.Read{Seq: 4, Ordinal: 1})
	assert.Equal(t, "head", w.must(t, mark(member, 5)).Read, chat.Read{Seq: 5, Ordinal: 2})
	assert.Equal(t, "beyond the head", reason(w.do(mark(member, 6))), chat.ReasonReadBeyondHead)
	assert.Equal(t, "stranger", reason(w.do(mark(stranger, 1))), chat.ReasonConversationNotFound)
	assert.Equal(t, "up to the end of a membership", w.must(t, mark(gone, 3)).Read, chat.Read{Seq: 3})
	assert.Equal(t, "beyond it", reason(w.do(mark(gone, 4))), chat.ReasonReadBeyondHead)
	assert.Equal(t, "a mark is no entry", w.heads[group].Seq, chat.Seq(5))
}

func TestLeavingAndOwners(t *testing.T) {
	t.Parallel()
	w := town(t)
	leave := func(u chat.UserID) *chat.Draft {
		return change(u, chat.MembersChanged{Action: chat.MemberLeft, Users: users(u)})
	}
	assert.Equal(t, "an owner leaves", reason(w.do(leave(owner))), chat.ReasonOwnerMustTransfer)
	assert.Equal(t, "who left leaves", reason(w.do(leave(gone))), chat.ReasonNotAMember)
	assert.Equal(t, "to a stranger", reason(w.do(change(owner, chat.MembersChanged{Action: chat.MemberTransferred, Users: users(stranger)}))), chat.ReasonUserNotFound)
	w.must(t, change(owner, chat.MembersChanged{Action: chat.MemberTransferred, Users: users(member)}))
	assert.Equal(t, "new owner", w.Part(group, member).Role, chat.RoleOwner)
	assert.Equal(t, "old owner", w.Part(group, owner).Role, chat.RoleAdmin)
	assert.Equal(t, "about", w.abouts[group].Owner, member)
	r := w.must(t, leave(owner))
	assert.Equal(t, "the last seq of who left", w.Part(group, owner).Last(100), r.Seq)
	w.must(t, change(server, chat.MembersChanged{Action: chat.MemberRemoved, Users: users(member, stranger)}))
	assert.Equal(t, "no owner", w.abouts[group].Owner, server)
	w.must(t, change(server, chat.MembersChanged{Action: chat.MemberTransferred, Users: users(admin)}))
	assert.Equal(t, "members", w.heads[group].Members, uint32(1))
}

func TestMuted(t *testing.T) {
	t.Parallel()
	w := town(t)
	w.must(t, change(admin, chat.MembersChanged{Action: chat.MemberMuted, Users: users(member), UntilMS: 2_000}))
	assert.Equal(t, "muted", reason(w.do(text(member, 1, "x"))), chat.ReasonMuted)
	w.nowMS = 2_000
	w.must(t, text(member, 1, "x"))
}

// SEND-18, SEND-19: a plain member sends one message in the time, whoever is above or outside of that does not wait.
func TestSlowMode(t *testing.T) {
	t.Parallel()
	w := town(t)
	slow := func(ms uint32) *chat.Draft { return change(admin, chat.Changed{SlowModeMS: &ms}) }
	next := byte(0)
	say := func(u chat.UserID) chat.Result {
		next++
		return w.do(text(u, next, "x"))
	}
	wait := func(what string, want time.Duration) {
		t.Helper()
		r := say(member)
		assert.Equal(t, what, reason(r), chat.ReasonSlowMode)
		assert.Equal(t, what+": the rest of the time", r.Err.RetryAfter, want)
	}

	assert.Equal(t, "before it is set", reason(say(member)), "")
	w.must(t, slow(10_000))
	assert.Equal(t, "head", w.heads[group].SlowModeMS, uint32(10_000))
	assert.Equal(t, "who sent before it was set", reason(say(member)), "")
	again := next
	w.nowMS += 4_000
	wait("too early", 6*time.Second)
	assert.True(t, "a repeat is answered as ever", w.must(t, text(member, again, "x")).Repeat)
	wait("what was refused begins no time of its own", 6*time.Second)
	for _, u := range users(owner, admin, server) {
		assert.Equal(t, "who is above", reason(say(u)), "")
		assert.Equal(t, "again at once", reason(say(u)), "")
	}
	w.nowMS += 5_999
	wait("a moment early", time.Millisecond)
	w.nowMS++
	assert.Equal(t, "in time", reason(say(member)), "")
	wait("and again", 10*time.Second)

	w.must(t, slow(2_000))
	wait("the new time counts from the last message", 2*time.Second)
	w.nowMS -= 5_000
	assert.Equal(t, "of the future: the clock was set back", reason(say(member)), "")
	wait("from then on as ever", 2*time.Second)
	w.must(t, &chat.Draft{Conversation: group, Sender: member, Mark: 2}) // reading is no sending

	w.must(t, change(owner, chat.MembersChanged{Action: chat.MemberRole, Role: chat.RoleAdmin, Users: users(member)}))
	assert.Equal(t, "became an admin", reason(say(member)), "")
	w.must(t, change(owner, chat.MembersChanged{Action: chat.MemberRole, Role: chat.RoleMember, Users: users(member)}))
	w.must(t, slow(0))
	for range 3 {
		assert.Equal(t, "off", reason(say(member)), "")
	}

	w.must(t, slow(2_000))
	copied := text(member, 200, "x")
	copied.TimeMS = w.nowMS
	w.must(t, copied)
	copied = text(member, 201, "x")
	copied.TimeMS = w.nowMS
	w.must(t, copied) // an import repeats what was decided already
	for ms, want := range map[uint32]chat.Reason{chat.MaxSlowModeMS: "", chat.MaxSlowModeMS + 1: chat.ReasonFieldInvalid} {
		assert.Equal(t, "bound", reason(w.do(slow(ms))), want)
	}
	ms := uint32(5)
	d := &chat.Draft{Conversation: direct, Sender: owner, Body: chat.Changed{SlowModeMS: &ms}}
	assert.Equal(t, "of a direct conversation", reason(w.do(d)), chat.ReasonNotAGroup)
}

func TestDirectHasFixedMembers(t *testing.T) {
	t.Parallel()
	w := town(t)
	for _, b := range []chat.Body{
		chat.MembersChanged{Action: chat.MemberLeft, Users: users(owner)},
		chat.MembersChanged{Action: chat.MemberAdded, Users: users(stranger)},
		chat.Dissolved{},
	} {
		assert.Equal(t, "change of a direct conversation",
			reason(w.do(&chat.Draft{Conversation: direct, Sender: owner, Body: b})), chat.ReasonNotAGroup)
	}
}

// SYNC-23: a tier follows the number of members, and falls back a tenth below the bound.
func TestTiers(t *testing.T) {
	t.Parallel()
	w := town(t) // three members
	w.rules = message.Rules{SmallMembers: 10, MediumMembers: 20}
	add := func(from, to chat.UserID) chat.Tier {
		var all []chat.UserID
		for u := from; u <= to; u++ {
			all = append(all, u)
		}
		w.must(t, change(owner, chat.MembersChanged{Action: chat.MemberAdded, Users: all}))
		return w.heads[group].Tier
	}
	remove := func(u chat.UserID) chat.Tier {
		w.must(t, change(owner, chat.MembersChanged{Action: chat.MemberRemoved, Users: users(u)}))
		return w.heads[group].Tier
	}
	assert.Equal(t, "10 members", add(101, 107), chat.TierSmall)
	assert.Equal(t, "11 members", add(108, 108), chat.TierMedium)
	assert.Equal(t, "10 members, coming down", remove(108), chat.TierMedium)
	assert.Equal(t, "9 members", remove(107), chat.TierSmall)
	assert.Equal(t, "21 members", add(201, 212), chat.TierLarge)
	assert.Equal(t, "20 members", remove(201), chat.TierLarge)
	assert.Equal(t, "19 members", remove(202), chat.TierLarge)
	assert.Equal(t, "18 members", remove(203), chat.TierMedium)
}

// SYNC-24: a tier that was set holds whatever the size, takes an entry of its own, and ends with one.
func TestTiersThatAreSet(t *testing.T) {
	t.Parallel()
	w := town(t) // three members
	w.rules = message.Rules{SmallMembers: 4, MediumMembers: 5}
	const server = chat.UserID(0)
	tiered := func(sender chat.UserID, tier chat.Tier) *chat.Draft { return change(sender, chat.Changed{Tier: &tier}) }
	set := func(tier chat.Tier) chat.Result { return w.must(t, tiered(server, tier)) }
	grow := func(u chat.UserID) {
		w.must(t, change(owner, chat.MembersChanged{Action: chat.MemberAdded, Users: users(u)}))
	}
	before := w.heads[group]

	assert.Equal(t, "the owner", reason(w.do(tiered(owner, chat.TierLarge))), chat.ReasonForbidden)
	assert.Equal(t, "nothing happened", w.heads[group], before)
	res := set(chat.TierLarge)
	assert.Equal(t, "an entry", res.Seq, before.Seq+1)
	assert.Equal(t, "not one to count", w.heads[group].Ordinal, before.Ordinal)
	assert.Equal(t, "large with three", w.heads[group].Tier, chat.TierLarge)
	set(chat.TierLarge)
	assert.Equal(t, "again, without another entry", w.heads[group].Seq, res.Seq)
	grow(101)
	assert.Equal(t, "large with four", w.heads[group].Tier, chat.TierLarge)

	set(chat.TierSmall)
	grow(102)
	assert.Equal(t, "small with five, above the bound", w.heads[group].Tier, chat.TierSmall)
	grow(103)
	assert.Equal(t, "six are more than a medium one has", w.heads[group].Tier, chat.TierMedium)
	assert.Equal(t, "and cannot be small", reason(w.do(tiered(server, chat.TierSmall))), chat.ReasonTooManyMembers)
	imported := tiered(server, chat.TierSmall)
	imported.TimeMS = w.nowMS
	w.must(t, imported)
	assert.Equal(t, "an import that says so makes it no smaller", w.heads[group].Tier, chat.TierMedium)
	set(0)
	assert.Equal(t, "six members, by size again", w.heads[group].Tier, chat.TierLarge)
	assert.Equal(t, "nothing is set", w.heads[group].Fixed, chat.Tier(0))
}

func TestAddPassesOverMembers(t *testing.T) {
	t.Parallel()
	w := town(t)
	r := w.must(t, change(owner, chat.MembersChanged{Action: chat.MemberAdded, Users: users(member, 7, 7, 8)}))
	assert.Equal(t, "count", r.Count, 2)
	body, _ := w.entries[[2]uint64{uint64(group), uint64(r.Seq)}].Body.(chat.MembersChanged)
	assert.Equal(t, "users of the entry", body.Users, users(7, 8))
	r = w.must(t, change(owner, chat.MembersChanged{Action: chat.MemberAdded, Users: users(member, 7)}))
	assert.True(t, "nobody new", r.Repeat && r.Count == 0)
}

func TestBadBodies(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", chat.MaxTextRunes+1)
	many := make([]chat.UserID, chat.MaxMembersAtOnce+1)
	for i := range many {
		many[i] = chat.UserID(i + 1)
	}
	for what, c := range map[string]struct {
		body chat.Body
		want chat.Reason
	}{
		"empty":             {chat.Text{}, chat.ReasonTextEmpty},
		"longest":           {chat.Text{Text: strings.Repeat("€", chat.MaxTextRunes)}, ""},
		"longest in bytes":  {chat.Text{Text: strings.Repeat("😀", chat.MaxTextRunes)}, ""},
		"a rune too long":   {chat.Text{Text: long}, chat.ReasonMessageTooLarge},
		"bytes too long":    {chat.Text{Text: strings.Repeat("😀", chat.MaxTextRunes) + "x"}, chat.ReasonMessageTooLarge},
		"wrong UTF-8":       {chat.Text{Text: "\xff"}, chat.ReasonTextNotUTF8},
		"no media type":     {chat.Media{Ref: "r"}, chat.ReasonBodyInvalid},
		"no media ref":      {chat.Media{Type: chat.MediaFile}, chat.ReasonBodyInvalid},
		"long media ref":    {chat.Media{Type: chat.MediaFile, Ref: strings.Repeat("r", chat.MaxRefBytes+1)}, chat.ReasonFieldTooLarge},
		"no custom type":    {chat.Custom{}, chat.ReasonBodyInvalid},
		"fallback too long": {chat.Custom{Type: "a", Fallback: strings.Repeat("x", 4_097)}, chat.ReasonFieldTooLarge},
		"custom too large":  {chat.Custom{Type: "t", Data: make([]byte, chat.MaxCustomBytes+1)}, chat.ReasonMessageTooLarge},
		"a user's notice":   {chat.System{Event: "e"}, chat.ReasonForbidden},
		"a tombstone":       {chat.Tombstone{Reason: chat.TombstoneErased}, chat.ReasonBodyInvalid},
		"nobody added":      {chat.MembersChanged{Action: chat.MemberAdded}, chat.ReasonBodyInvalid},
		"too many added":    {chat.MembersChanged{Action: chat.MemberAdded, Users: many}, chat.ReasonTooManyMembers},
		"an owner added":    {chat.MembersChanged{Action: chat.MemberAdded, Users: users(7), Role: chat.RoleOwner}, chat.ReasonBodyInvalid},
		"another one joins": {chat.MembersChanged{Action: chat.MemberJoined, Users: users(7)}, chat.ReasonBodyInvalid},
		"user 0":            {chat.MembersChanged{Action: chat.MemberAdded, Users: users(0)}, chat.ReasonIDInvalid},
		"no such action":    {chat.MembersChanged{Action: 99, Users: users(7)}, chat.ReasonBodyInvalid},
		"owner as a role":   {chat.MembersChanged{Action: chat.MemberRole, Users: users(member), Role: chat.RoleOwner}, chat.ReasonBodyInvalid},
		"nothing changed":   {chat.Changed{}, chat.ReasonBodyInvalid},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			d := change(owner, c.body)
			d.ClientID = chat.ClientID{1}
			assert.Equal(t, "reason", reason(town(t).do(d)), c.want)
		})
	}
	args := map[string]string{}
	for i := range 65 {
		args[string(rune('a'+i))] = ""
	}
	for what, c := range map[string]struct {
		notice chat.System
		want   chat.Reason
	}{
		"a notice":               {chat.System{Event: "opened", Args: map[string]string{"by": "ada"}}, ""},
		"no event":               {chat.System{}, chat.ReasonBodyInvalid},
		"a long event":           {chat.System{Event: strings.Repeat("e", 129)}, chat.ReasonFieldTooLarge},
		"too many arguments":     {chat.System{Event: "e", Args: args}, chat.ReasonBodyInvalid},
		"arguments not UTF-8":    {chat.System{Event: "e", Args: map[string]string{"a": "\xff"}}, chat.ReasonTextNotUTF8},
		"too large, all of them": {chat.System{Event: "e", Args: map[string]string{"a": long[:10<<10], "b": long[:10<<10]}}, chat.ReasonFieldTooLarge},
	} {
		d := change(server, c.notice)
		d.ClientID = chat.ClientID{1}
		assert.Equal(t, what, reason(town(t).do(d)), c.want)
	}
	assert.Equal(t, "no client id", reason(town(t).do(change(owner, chat.Text{Text: "x"}))), chat.ReasonClientIDInvalid)
	assert.Equal(t, "nothing said", reason(town(t).do(change(owner, nil))), chat.ReasonBodyInvalid)
	assert.Equal(t, "conversation 0", reason(town(t).do(&chat.Draft{Sender: owner, Mark: 1})), chat.ReasonIDInvalid)
	assert.Equal(t, "unknown conversation", reason(town(t).do(&chat.Draft{Conversation: 77, Sender: owner, Mark: 1})), chat.ReasonConversationNotFound)
}

// Prints are stored: what they are taken of must not change, and no two bodies may share one.
func TestPrint(t *testing.T) {
	t.Parallel()
	name, empty := "n", ""
	yes := true
	seen := map[content.Fingerprint]int{}
	for i, b := range []chat.Body{
		chat.Text{Text: "a"},
		chat.Text{Text: "b"},
		chat.Custom{Type: "a"},
		chat.Custom{Fallback: "a"},
		chat.Custom{Type: "a", Data: []byte("bc")},
		chat.Custom{Type: "ab", Data: []byte("c")},
		chat.Media{Ref: "a"},
		chat.Media{Ref: "a", Size: 1},
		chat.Media{Ref: "a", Width: 1},
		chat.System{Event: "a"},
		chat.System{Event: "a", Args: map[string]string{"x": "y", "y": "x"}},
		chat.System{Event: "a", Args: map[string]string{"x": "x", "y": "y"}},
		chat.Changed{Name: &name},
		chat.Changed{Avatar: &name},
		chat.Changed{Name: &empty},
		chat.Changed{Open: &yes},
		chat.Dissolved{},
		chat.MembersChanged{Action: 1, Users: users(1)},
		chat.MembersChanged{Action: 1, Users: users(1, 2)},
		chat.Created{Kind: 1},
		chat.Created{Kind: 2},
	} {
		p := content.Print(b, nil)
		if other, there := seen[p]; there {
			t.Errorf("bodies %d and %d share a print", other, i)
		}
		seen[p] = i
	}
	assert.Equal(t, "print of a text", content.Print(chat.Text{Text: "hello"}, nil),
		content.Fingerprint{186, 154, 171, 51, 151, 90, 43, 118, 181, 19, 220, 36, 30, 226, 234, 29})
}

// A role of a later version may do what members may, and nobody removes who has it but the server.
func TestARoleOfALaterVersion(t *testing.T) {
	t.Parallel()
	w := town(t)
	p := w.Part(group, member)
	p.Role = chat.RoleOwner + 1
	w.parts[[2]uint64{uint64(group), uint64(member)}] = p
	name := "mine"
	for _, b := range []chat.Body{
		chat.Changed{Name: &name},
		chat.Dissolved{},
		chat.MembersChanged{Action: chat.MemberRemoved, Users: users(admin)},
		chat.MembersChanged{Action: chat.MemberRole, Role: chat.RoleAdmin, Users: users(admin)},
	} {
		assert.Equal(t, "what members may not", reason(w.do(change(member, b))), chat.ReasonRoleTooLow)
	}
	w.must(t, text(member, 1, "hello"))
	out := chat.MembersChanged{Action: chat.MemberRemoved, Users: users(member)}
	assert.Equal(t, "an owner", reason(w.do(change(owner, out))), chat.ReasonRoleTooLow)
	w.must(t, change(server, out))
}
