package cluster_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"connectrpc.com/connect"

	"github.com/throng-im/throng/client"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
	"github.com/throng-im/throng/test/history"
)

// stories are what people do; each holds on every kind of deployment.
var stories = []struct {
	name string
	tell func(w *world)
}{
	{"two people talk", twoTalk},
	{"a repeat on another node is the first send", repeatElsewhere},
	{"a group hears everybody", groupHears},
	{"who was removed hears nothing more", removed},
	{"who comes hears from then on", added},
	{"a group grows out of its tier and shrinks again", tiers},
	{"reading on one device clears the others", reading},
	{"who was away catches up on any node", away},
	{"settings reach the other devices", settings},
	{"who is signed out is closed everywhere", signedOut},
	{"a user ends other devices, and a newer one takes the place of an older", otherDevices},
	{"friends come to the same on all devices", friends},
	{"who is blocked writes no more, on any node", blocked},
	{"a block meets the first message", blockedFirst},
	{"who takes messages of friends only is written to by friends only", friendsOnly},
	{"as many come in by a link as it lets, over all nodes", byLink},
	{"a device has one session, on whatever node", oneSession},
	{"members see who is typing", typing},
	{"people see who is there", seeing},
	{"members see who has got and read", receipts},
	{"somebody deletes messages for oneself", hiding},
}

func run(t *testing.T, nodes []node) {
	t.Helper()
	for _, s := range stories {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			s.tell(&world{t: t, nodes: nodes})
		})
	}
}

func twoTalk(w *world) {
	users := w.people(2)
	a, b := w.join(0, users[0]), w.join(1, users[1])
	conv, err := a.OpenDirect(w.ctx(), users[1])
	w.must("opening a direct conversation", err)
	same, err := b.OpenDirect(w.ctx(), users[0])
	w.must("opening it from the other side", err)
	if same != conv {
		w.t.Fatalf("two conversations of one pair: %d and %d", conv, same)
	}
	var last uint64
	for n := range 10 {
		last = a.say(conv, fmt.Sprintf("a%d", n))
		b.hears(conv, last)
		last = b.say(conv, fmt.Sprintf("b%d", n))
		a.hears(conv, last)
	}
	truth := history.Truth{uint64(conv): w.log(2, users[0], conv)}
	if n := uint64(len(truth[uint64(conv)])); n != last {
		w.t.Errorf("the log has %d entries, %d were acknowledged last", n, last)
	}
	a.judge(truth, true)
	b.judge(truth, true)
}

func repeatElsewhere(w *world) {
	users := w.people(2)
	conv := w.group(0, users...)
	send := func(n int, text string) (*throngv1.SendResponse, error) {
		resp, err := w.back(n, users[0]).Messages.Send(w.ctx(), connect.NewRequest(&throngv1.SendRequest{
			Conversation: uint64(conv), ClientId: clientID(77), Body: &throngv1.SendRequest_Text{Text: text},
		}))
		if err != nil {
			return nil, err
		}
		return resp.Msg, nil
	}
	first, err := send(0, "once")
	w.must("sending", err)
	for n := range 6 {
		again, err := send(n, "once")
		w.must("sending again", err)
		if again.GetSeq() != first.GetSeq() || again.GetTimeMs() != first.GetTimeMs() || !again.GetRepeat() {
			w.t.Errorf("the first send was answered with %v, its repeat on node %d with %v", first, n, again)
		}
	}
	_, err = send(1, "another")
	if e := new(client.Error); !errors.As(err, &e) || e.Reason != "idempotency_conflict" {
		w.t.Errorf("another content under the same client id: %v", err)
	}
	if log := w.log(2, users[1], conv); !slices.Equal(log, []string{"", "once"}) {
		w.t.Errorf("the log is %q", log)
	}
}

func groupHears(w *world) {
	users := w.people(6)
	conv := w.group(0, users...)
	devices := make([]*device, len(users))
	for i, u := range users {
		devices[i] = w.join(i, u)
	}
	last := uint64(0)
	for round := range 5 {
		for i, d := range devices {
			last = d.say(conv, fmt.Sprintf("%d of %d", round, i))
		}
	}
	truth := history.Truth{uint64(conv): w.log(1, users[3], conv)}
	for _, d := range devices {
		d.hears(conv, last)
		d.judge(truth, true)
	}
}

func (w *world) change(n int, actor client.UserID, conv client.ConversationID, add, remove client.UserID) {
	w.t.Helper()
	var err error
	if add != 0 {
		_, err = w.back(n, actor).Conversations.AddMembers(w.ctx(), connect.NewRequest(&throngv1.AddMembersRequest{
			Conversation: uint64(conv), Users: []uint64{uint64(add)},
		}))
	} else {
		_, err = w.back(n, actor).Conversations.RemoveMember(w.ctx(), connect.NewRequest(&throngv1.RemoveMemberRequest{
			Conversation: uint64(conv), User: uint64(remove),
		}))
	}
	w.must("changing members", err)
}

func removed(w *world) {
	users := w.people(3)
	conv := w.group(0, users...)
	owner, out := w.join(0, users[0]), w.join(1, users[1])
	out.hears(conv, owner.say(conv, "before"))
	w.change(2, users[0], conv, 0, users[1])
	after := owner.say(conv, "after")
	owner.hears(conv, after)
	w.until("the one who was removed knows of it", func() bool { return out.toldUpTo(conv) == after-1 })
	if texts := out.texts(conv); !slices.Equal(texts, []string{"before"}) {
		w.t.Errorf("the one who was removed was told %q", texts)
	}
	page, err := out.Range(w.ctx(), conv, client.Query{From: 1, To: after})
	w.must("reading as a former member", err)
	for _, e := range page.Entries {
		if e.GetSeq() >= after {
			w.t.Errorf("a former member reads entry %d", e.GetSeq())
		}
	}
}

func added(w *world) {
	users := w.people(3)
	conv := w.group(0, users[0], users[1])
	owner, late := w.join(0, users[0]), w.join(1, users[2])
	owner.say(conv, "before")
	w.change(2, users[0], conv, users[2], 0)
	last := owner.say(conv, "after")
	late.hears(conv, last)
	if texts := late.texts(conv); !slices.Equal(texts, []string{"after"}) {
		w.t.Errorf("who came late was told %q", texts)
	}
}

// tiers crosses the bound of the small tier, which the deployments of stories set to eight members, both ways under way.
func tiers(w *world) {
	users := w.people(12)
	conv := w.group(0, users[:6]...)
	devices := make([]*device, 6)
	for i := range devices {
		devices[i] = w.join(i, users[i])
	}
	last := devices[0].say(conv, "small")
	for i, u := range users[6:] {
		w.change(i, users[0], conv, u, 0)
		last = devices[i%6].say(conv, fmt.Sprintf("growing %d", i))
	}
	for i, u := range users[6:] {
		w.change(i+1, users[0], conv, 0, u)
		last = devices[i%6].say(conv, fmt.Sprintf("shrinking %d", i))
	}
	truth := history.Truth{uint64(conv): w.log(1, users[0], conv)}
	for _, d := range devices {
		d.hears(conv, last)
		d.judge(truth, true)
	}
}

func reading(w *world) {
	users := w.people(2)
	conv := w.group(0, users...)
	writer := w.join(0, users[0])
	phone, desk := w.join(1, users[1]), w.join(2, users[1])
	last := uint64(0)
	for n := range 3 {
		last = writer.say(conv, fmt.Sprint(n))
	}
	for _, d := range []*device{phone, desk} {
		d.hears(conv, last)
		w.until("three are unread", func() bool { return d.TotalUnread() == 3 })
	}
	w.must("reading", phone.MarkRead(w.ctx(), conv, last))
	for _, d := range []*device{phone, desk} {
		w.until("none is unread", func() bool { return d.TotalUnread() == 0 })
	}
	writer.say(conv, "one more")
	for _, d := range []*device{phone, desk} {
		w.until("one is unread", func() bool { return d.TotalUnread() == 1 })
	}
	if writer.TotalUnread() != 0 {
		w.t.Errorf("the writer has %d of its own unread", writer.TotalUnread())
	}
}

func away(w *world) {
	users := w.people(2)
	conv := w.group(0, users...)
	writer := w.join(0, users[0])
	token := w.token(1, users[1])
	first := w.device(1, users[1], token)
	first.hears(conv, writer.say(conv, "there"))
	first.leave()
	last := uint64(0)
	for n := range 30 {
		last = writer.say(conv, fmt.Sprint(n))
	}
	again := w.device(2, users[1], token)
	again.hears(conv, last)
	w.until("what was missed is unread", func() bool { return again.TotalUnread() == 31 })
	again.judge(history.Truth{uint64(conv): w.log(0, users[1], conv)}, true)
}

func settings(w *world) {
	users := w.people(1)
	conv := w.group(0, users...)
	phone, desk := w.join(1, users[0]), w.join(2, users[0])
	muted := true
	w.until("both know the group", func() bool {
		_, a := phone.Conversation(conv)
		_, b := desk.Conversation(conv)
		return a && b
	})
	_, err := w.back(0, users[0]).Conversations.UpdateSettings(w.ctx(), connect.NewRequest(&throngv1.UpdateSettingsRequest{
		Conversation: uint64(conv), Muted: &muted,
	}))
	w.must("muting", err)
	for _, d := range []*device{phone, desk} {
		w.until("it is muted", func() bool { v, _ := d.Conversation(conv); return v.Settings.Muted })
	}
}

func signedOut(w *world) {
	users := w.people(1)
	a, b := w.join(0, users[0]), w.join(1, users[0])
	_, err := w.back(2, 0).Admin.SignOutUser(w.ctx(), connect.NewRequest(&throngv1.SignOutUserRequest{User: uint64(users[0])}))
	w.must("signing out", err)
	for _, d := range []*device{a, b} {
		if !within(w.ctx(), 5e9, func() bool { return d.State().Phase == client.Closed }) {
			w.t.Errorf("5 s after it was signed out the session is %v", d.State().Phase)
		}
	}
}

// otherDevices has a device sign out the others (DEV-2, DEV-3), and one tablet make room for the next: the deployments of stories have room
// for one (DEV-6).
func otherDevices(w *world) {
	users := w.people(1)
	tablet := func(n int) string {
		resp, err := w.back(n, 0).Admin.IssueToken(w.ctx(), connect.NewRequest(&throngv1.IssueTokenRequest{
			User: uint64(users[0]), Device: &throngv1.NewDevice{Name: "tablet", Platform: throngv1.Platform_PLATFORM_TABLET},
		}))
		w.must("signing a tablet in", err)
		return resp.Msg.GetTokens().GetAccessToken()
	}
	closed := func(d *device, reason string) {
		w.until("the session is closed", func() bool { return d.State().Phase == client.Closed })
		var told *client.CloseError
		if !errors.As(d.State().Cause, &told) || told.Code != 4300 || told.Reason != reason {
			w.t.Errorf("the session ended with %v, not 4300 %s", d.State().Cause, reason)
		}
	}
	asks, first := w.join(0, users[0]), w.device(1, users[0], tablet(0))
	w.until("the first tablet is connected", first.online)
	second := w.device(2, users[0], tablet(2))
	closed(first, "displaced")
	w.until("the second tablet is connected", second.online)
	resp, err := asks.API().Accounts.SignOut(w.ctx(), connect.NewRequest(&throngv1.SignOutRequest{Others: true}))
	w.must("signing the others out", err)
	if n := resp.Msg.GetEnded(); n != 1 {
		w.t.Errorf("%d devices ended, not 1", n)
	}
	closed(second, "signed_out")
	list, err := asks.API().Accounts.ListDevices(w.ctx(), connect.NewRequest(&throngv1.ListDevicesRequest{}))
	w.must("listing devices", err)
	if left := list.Msg.GetDevices(); len(left) != 1 || !left[0].GetCurrent() || !asks.online() {
		w.t.Errorf("left are %v", left)
	}
}

// oneSession opens a device's session on one node after another (S-12): the newest stays, the one before is closed for good.
func oneSession(w *world) {
	users := w.people(2)
	conv := w.group(0, users...)
	token := w.token(0, users[0])
	var before *device
	for n := range 6 {
		d := w.device(n%len(w.nodes), users[0], token)
		w.until("the newest session is open", d.online)
		if before != nil {
			w.until("the session before it is closed", func() bool { return before.State().Phase == client.Closed })
			var told *client.CloseError
			if !errors.As(before.State().Cause, &told) || told.Code != 4301 {
				w.t.Errorf("the session before it ended with: %v", before.State().Cause)
			}
		}
		before = d
	}
	before.hears(conv, before.say(conv, "still here"))
}
