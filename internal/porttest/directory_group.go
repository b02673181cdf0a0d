package porttest

import (
	"testing"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
)

// DIR-6: who is banned is found by the index alone, in one page after another, and after a crash.
func directoryBans(t *testing.T, e Engine) {
	change := func(b chat.MembersChanged) *chat.Draft { return &chat.Draft{Conversation: 1, Sender: alice, Body: b} }
	ban := func(u chat.UserID) *chat.Draft {
		return change(chat.MembersChanged{Action: chat.MemberRemoved, Users: []chat.UserID{u}, Ban: true, UntilMS: chat.Forever, Reason: "r"})
	}
	check := func(e Engine, what string, want ...chat.UserID) {
		t.Helper()
		got := make([]chat.UserID, 0, len(want))
		for after := chat.UserID(0); ; after = got[len(got)-1] {
			page, err := e.Directory.Bans(t.Context(), 1, after, 2)
			assert.NoError(t, what, err)
			for _, m := range page {
				got = append(got, m.User)
				assert.True(t, what+": a whole member", !m.Current() && m.BannedUntilMS == chat.Forever && len(m.Spans) > 0)
			}
			if len(page) < 2 {
				break
			}
		}
		assert.Equal(t, what, got, append([]chat.UserID{}, want...))
	}
	e.must(t, group(1, alice, 200, 300, 400, 500), group(2, alice, 200))
	check(e, "at the beginning")
	e.must(t, change(chat.MembersChanged{Action: chat.MemberRole, Role: chat.RoleAdmin, Users: []chat.UserID{300}}))
	e.must(t, ban(200), ban(300), ban(400), change(chat.MembersChanged{Action: chat.MemberRemoved, Users: []chat.UserID{500}}))
	check(e, "banned", 200, 300, 400)
	admins, err := e.Directory.Members(t.Context(), 1, 0, 10, chat.RoleAdmin)
	assert.True(t, "who is banned is no admin", err == nil && len(admins) == 0)
	e.must(t, ban(500), change(chat.MembersChanged{Action: chat.MemberUnbanned, Users: []chat.UserID{300}}))
	added := change(chat.MembersChanged{Action: chat.MemberAdded, Users: []chat.UserID{200}})
	assert.Equal(t, "adding who is banned", reasonOf(e.do(t, added)[0]), chat.ReasonBanned)
	check(e.Crash(t), "after a crash", 200, 400, 500)
}

// What a group holds its members to, its announcement, acts and nicknames outlive a crash, and decide afterwards.
func directoryTerms(t *testing.T, e Engine) {
	quiet, history, posting, text1 := chat.Forever, true, chat.PostingAdmins, "hello"
	joining := chat.JoiningPassword
	e.must(t, group(1, alice, bob), text(1, alice, 1), &chat.Draft{Conversation: 1, Sender: alice, Password: "hash", Body: chat.Changed{
		QuietUntilMS: &quiet, History: &history, Posting: &posting, Announcement: &text1, Joining: &joining,
	}}, &chat.Draft{Conversation: 1, Sender: bob, Body: chat.MembersChanged{Action: chat.MemberNamed, Users: []chat.UserID{bob}, Name: "Bobby"}})
	after := e.Crash(t)
	head := after.head(t, 1)
	assert.Equal(t, "terms", head.Terms, chat.Terms{
		Joining: chat.JoiningPassword, Posting: chat.PostingAdmins, QuietUntilMS: chat.Forever, HistoryFrom: 3,
	})
	assert.Equal(t, "acts", head.Acts, chat.Acts{N: 1, Last: 3})
	assert.Equal(t, "the entry's", after.entries(t, 1)[2].Act, chat.Act{N: 1})
	about, err := after.Directory.Conversation(t.Context(), 1)
	assert.True(t, "what stands about it", err == nil && about.Announcement == text1 && about.Password == "hash")
	named, err := after.Directory.Member(t.Context(), 1, bob)
	assert.True(t, "the nickname", err == nil && named.Nickname == "Bobby")
	assert.Equal(t, "quiet", reasonOf(after.do(t, text(1, bob, 2))[0]), chat.ReasonQuiet)
	join := &chat.Draft{Conversation: 1, Sender: 900, Body: chat.MembersChanged{Action: chat.MemberJoined, Users: []chat.UserID{900}}}
	assert.Equal(t, "without the password", reasonOf(after.do(t, join)[0]), chat.ReasonPasswordNeeded)
	join.Password = "hash"
	after.must(t, join)
	m, err := after.Directory.Member(t.Context(), 1, 900)
	assert.True(t, "the history", err == nil && m.First() == 3 && m.Began() == 5)
}
