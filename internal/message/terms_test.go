package message_test

import (
	"strings"
	"testing"
	"time"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/message"
)

func ref[T any](v T) *T { return &v }

func joining(u chat.UserID) *chat.Draft {
	return change(u, chat.MembersChanged{Action: chat.MemberJoined, Users: users(u)})
}

func banning(by, who chat.UserID, until uint64) *chat.Draft {
	return change(by, chat.MembersChanged{Action: chat.MemberRemoved, Ban: true, Users: users(who), UntilMS: until, Reason: "spam"})
}

// GRP-1: how people join is decided in the append, and each way says what it asks for.
func TestWaysToJoin(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		joining  chat.Joining
		password string // of who joins
		invited  bool
		stranger chat.Reason
		back     chat.Reason // of who left
	}{
		{chat.JoiningInvited, "", false, chat.ReasonConversationNotFound, chat.ReasonNotOpen},
		{chat.JoiningInvited, "", true, "", ""},
		{chat.JoiningOpen, "", false, "", ""},
		{chat.JoiningPassword, "", false, chat.ReasonPasswordNeeded, chat.ReasonPasswordNeeded},
		{chat.JoiningPassword, "old", false, chat.ReasonPasswordNeeded, chat.ReasonPasswordNeeded},
		{chat.JoiningPassword, "hash", false, "", ""},
	} {
		w := town(t)
		terms := change(admin, chat.Changed{Joining: &c.joining})
		terms.Password = "hash"
		w.must(t, terms)
		assert.Equal(t, "the way", w.heads[group].Joining(), c.joining)
		assert.Equal(t, "open, for who knows of no more", w.abouts[group].Open, c.joining == chat.JoiningOpen)
		for who, want := range map[chat.UserID]chat.Reason{stranger: c.stranger, gone: c.back} {
			d := joining(who)
			d.Password, d.Invited = c.password, c.invited
			assert.Equal(t, "joining", reason(w.do(d)), want)
		}
	}
	w := town(t)
	assert.Equal(t, "a password is missing", reason(w.do(change(admin, chat.Changed{Joining: ref(chat.JoiningPassword)}))), chat.ReasonFieldInvalid)
	set := change(admin, chat.Changed{Joining: ref(chat.JoiningPassword)})
	set.Password = "hash"
	w.must(t, set)
	w.must(t, change(admin, chat.Changed{Joining: ref(chat.JoiningInvited)}))
	assert.Equal(t, "the password goes with the way", w.abouts[group].Password, "")
	w.must(t, change(admin, chat.Changed{Open: ref(true)}))
	assert.Equal(t, "open, in the old words", w.heads[group].Joining(), chat.JoiningOpen)
}

// GRP-4, GRP-5, GRP-6: who may not send is told why, and until when.
func TestSilence(t *testing.T) {
	t.Parallel()
	w := town(t)
	say := func(u chat.UserID, n byte) chat.Result { return w.do(text(u, n, "x")) }
	w.must(t, change(admin, chat.Changed{QuietUntilMS: ref(w.nowMS + 5_000)}))
	r := say(member, 1)
	assert.Equal(t, "quiet", reason(r), chat.ReasonQuiet)
	assert.Equal(t, "until", r.Err.RetryAfter, 5*time.Second)
	assert.Equal(t, "admins speak", reason(say(admin, 2)), "")
	assert.Equal(t, "the server speaks", reason(w.do(&chat.Draft{Conversation: group, ClientID: chat.ClientID{3}, Body: chat.Text{Text: "x"}})), "")
	w.nowMS += 5_000
	said := w.must(t, text(member, 1, "x")).Seq

	w.must(t, change(admin, chat.Changed{QuietUntilMS: ref(chat.Forever)}))
	r = say(member, 4)
	assert.True(t, "for ever", reason(r) == chat.ReasonQuiet && r.Err.RetryAfter == 0)
	w.must(t, change(admin, chat.Changed{QuietUntilMS: ref(uint64(0)), Posting: ref(chat.PostingAdmins)}))
	assert.Equal(t, "admins only", reason(say(member, 5)), chat.ReasonAdminsOnly)
	assert.Equal(t, "an admin", reason(say(admin, 6)), "")
	w.must(t, change(admin, chat.Changed{Posting: ref(chat.PostingAll)}))

	w.must(t, change(owner, chat.MembersChanged{Action: chat.MemberMuted, Users: users(member), UntilMS: w.nowMS + 1_000, Reason: "loud"}))
	r = say(member, 7)
	assert.True(t, "muted", reason(r) == chat.ReasonMuted && r.Err.RetryAfter == time.Second && strings.Contains(r.Err.Message, "until 1970-01-01T"))
	edit := change(member, chat.Edit{Target: said, Body: chat.Text{Text: "y"}})
	edit.ClientID = chat.ClientID{8}
	assert.Equal(t, "who is muted edits nothing", reason(w.do(edit)), chat.ReasonMuted)
}

// actionOf is what an entry did to members; 0 for others.
func actionOf(e chat.Entry) chat.MemberAction {
	m, _ := e.Body.(chat.MembersChanged)
	return m.Action
}

// GRP-9, GRP-10: who is banned comes back in no way until the ban ends or is lifted.
func TestBans(t *testing.T) {
	t.Parallel()
	w := town(t)
	w.must(t, change(owner, chat.Changed{Open: ref(true)}))
	w.must(t, banning(admin, member, chat.Forever))
	assert.Equal(t, "removed", w.Part(group, member).Current(), false)
	last := w.entries[[2]uint64{uint64(group), uint64(w.heads[group].Seq)}]
	assert.Equal(t, "as an entry that others know", actionOf(last), chat.MemberRemoved)
	invited := joining(member)
	invited.Invited = true
	added := change(owner, chat.MembersChanged{Action: chat.MemberAdded, Users: users(7, member)})
	for _, d := range []*chat.Draft{joining(member), invited, added} {
		head := w.heads[group]
		assert.Equal(t, "coming back", reason(w.do(d)), chat.ReasonBanned)
		assert.Equal(t, "nothing changed", w.heads[group], head)
	}
	members := w.heads[group].Members
	r := w.must(t, banning(owner, gone, w.nowMS+60_000))
	assert.True(t, "one who left", r.Count == 1 && w.heads[group].Members == members)
	assert.Equal(t, "its entry", actionOf(w.entries[[2]uint64{uint64(group), uint64(r.Seq)}]), chat.MemberBanned)
	late := w.do(joining(gone))
	assert.True(t, "told until when", reason(late) == chat.ReasonBanned && late.Err.RetryAfter == time.Minute)
	w.nowMS += 60_000
	w.must(t, joining(gone))
	assert.Equal(t, "the ban is over", w.Part(group, gone).BannedUntilMS, 0)

	w.must(t, change(admin, chat.MembersChanged{Action: chat.MemberUnbanned, Users: users(member)}))
	again := w.must(t, change(admin, chat.MembersChanged{Action: chat.MemberUnbanned, Users: users(member)}))
	assert.True(t, "lifting it again", again.Repeat)
	w.must(t, joining(member))

	assert.Equal(t, "a stranger", reason(w.do(banning(admin, stranger, chat.Forever))), chat.ReasonUserNotFound)
	assert.Equal(t, "the owner", reason(w.do(banning(admin, owner, chat.Forever))), chat.ReasonRoleTooLow)
	assert.Equal(t, "by a member", reason(w.do(banning(member, gone, chat.Forever))), chat.ReasonRoleTooLow)
	assert.Equal(t, "two at once", reason(w.do(change(admin, chat.MembersChanged{
		Action: chat.MemberRemoved, Ban: true, Users: users(member, gone), UntilMS: chat.Forever,
	}))), chat.ReasonBodyInvalid)
}

// GRP-11: newcomers read what was said since the history was opened, and nothing from before.
func TestHistory(t *testing.T) {
	t.Parallel()
	w := town(t)
	w.must(t, change(owner, chat.Changed{Open: ref(true)}))
	w.must(t, text(owner, 1, "before"))
	from := w.must(t, change(owner, chat.Changed{History: ref(true)})).Seq
	w.must(t, text(owner, 2, "after"))
	r := w.must(t, joining(stranger))
	p := w.Part(group, stranger)
	assert.Equal(t, "spans", p.Spans, []chat.Span{{From: from}})
	assert.True(t, "began", p.Began() == r.Seq && p.Since == r.Seq)
	assert.Equal(t, "nothing is unread", p.Read, chat.Read{Seq: r.Seq, Ordinal: 2})
	assert.Equal(t, "who was there keeps what it saw", w.Part(group, member).Spans, []chat.Span{{From: 1}})

	// One who left and comes back reads the gap as well, as far as the history is open.
	w.must(t, joining(gone))
	assert.Equal(t, "a gap from before stays", w.Part(group, gone).Spans, []chat.Span{{From: 1, To: 3}, {From: from}})
	w.must(t, change(stranger, chat.MembersChanged{Action: chat.MemberLeft, Users: users(stranger)}))
	w.must(t, text(owner, 3, "meanwhile"))
	w.must(t, joining(stranger))
	assert.Equal(t, "one span", w.Part(group, stranger).Spans, []chat.Span{{From: from}})

	w.must(t, change(owner, chat.Changed{History: ref(false)}))
	r = w.must(t, joining(8))
	assert.True(t, "closed again", w.Part(group, 8).First() == r.Seq && w.Part(group, 8).Since == 0)
	assert.Equal(t, "who came meanwhile keeps it", w.Part(group, stranger).First(), from)
}

// GRP-7: a nickname is the member's own to choose, not too often, and an admin's to change.
func TestNicknames(t *testing.T) {
	t.Parallel()
	w := town(t)
	name := func(by, who chat.UserID, name string) chat.Result {
		return w.do(change(by, chat.MembersChanged{Action: chat.MemberNamed, Users: users(who), Name: name}))
	}
	before := w.heads[group].MemberSeq
	assert.Equal(t, "own", reason(name(member, member, "Bob")), "")
	assert.Equal(t, "the row", w.Part(group, member).Nickname, "Bob")
	assert.Equal(t, "what members may do is as it was", w.heads[group].MemberSeq, before)
	r := name(member, member, "Bobby")
	assert.True(t, "again at once", reason(r) == chat.ReasonRateLimited && r.Err.RetryAfter == 10*time.Second)
	assert.True(t, "the same", name(member, member, "Bob").Repeat)
	w.nowMS += 10_000
	assert.Equal(t, "later", reason(name(member, member, "")), "")
	assert.Equal(t, "another's", reason(name(member, admin, "X")), chat.ReasonRoleTooLow)
	assert.Equal(t, "by an admin", reason(name(admin, member, "X")), "")
	assert.Equal(t, "of the owner", reason(name(admin, owner, "X")), chat.ReasonRoleTooLow)
	assert.Equal(t, "of who left", reason(name(admin, gone, "X")), chat.ReasonUserNotFound)
	assert.Equal(t, "too long", reason(name(member, member, strings.Repeat("x", 65))), chat.ReasonFieldTooLarge)
}

// GRP-13: what admins did is a list of its own through the log.
func TestActs(t *testing.T) {
	t.Parallel()
	w := town(t)
	w.must(t, text(member, 1, "spam"))
	target := w.heads[group].Seq
	w.must(t, change(admin, chat.Changed{Announcement: ref("hi")}))
	w.must(t, change(member, chat.MembersChanged{Action: chat.MemberNamed, Users: users(member), Name: "me"}))
	recall := change(admin, chat.Recall{Target: target, Note: "spam"})
	recall.ClientID = chat.ClientID{9}
	w.must(t, recall)
	w.must(t, change(owner, chat.MembersChanged{Action: chat.MemberMuted, Users: users(member), UntilMS: 9_000}))
	var bodies []chat.Body
	head := w.heads[group]
	n := head.Acts.N
	for seq := head.Acts.Last; seq != 0; {
		e := w.entries[[2]uint64{uint64(group), uint64(seq)}]
		assert.Equal(t, "counted", e.Act.N, n)
		n--
		bodies, seq = append(bodies, e.Body), e.Act.Prev
	}
	assert.Equal(t, "how many", len(bodies), 4) // and the promotion of the admin
	_, muted := bodies[0].(chat.MembersChanged)
	_, recalled := bodies[1].(chat.Recall)
	_, changed := bodies[2].(chat.Changed)
	assert.True(t, "newest first, without what members do to themselves", muted && recalled && changed)
}

// An import repeats what was decided, of which it does not know all: it is not held to bans, passwords or silence.
func TestTermsOfImports(t *testing.T) {
	t.Parallel()
	w := town(t)
	w.must(t, change(owner, chat.Changed{Posting: ref(chat.PostingAdmins)}))
	w.must(t, banning(owner, gone, chat.Forever))
	for _, d := range []*chat.Draft{joining(gone), text(member, 1, "old"), change(owner, chat.Changed{Joining: ref(chat.JoiningPassword)}), joining(stranger)} {
		d.TimeMS = 500
		w.must(t, d)
	}
	assert.Equal(t, "nobody joins with no password", reason(w.do(joining(8))), chat.ReasonPasswordNeeded)
	var _ message.State = w
}
