package porttest

import (
	"slices"
	"testing"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/message/content"
)

// Receipts runs the rules RPO-1 and RPO-2, and what the log says about what devices have (LOG-14), against an adapter.
func Receipts(t *testing.T, open func(t testing.TB) Engine) {
	t.Helper()
	runEngine(t, open, []engineCase{
		{"RPO-1 members are paged with their positions", receiptPositions},
		{"RPO-2 positions stand after a crash", receiptCrash},
		{"LOG-16 what is deleted for one member", receiptHidden},
		{"LOG-14 what devices have moves forward, to the head at most", receiptGot},
	})
}

func got(id chat.ConversationID, user chat.UserID, seq chat.Seq) *chat.Draft {
	return &chat.Draft{Conversation: id, Sender: user, Got: seq}
}

// stand is where a member stands, by the pages of a port.
type stand struct {
	user      chat.UserID
	read, got chat.Seq
}

func (e Engine) stands(t testing.TB, id chat.ConversationID, page int) (out []stand) {
	t.Helper()
	for after := chat.UserID(0); ; {
		list, err := e.Positions.Positions(t.Context(), id, after, page)
		assert.NoError(t, "positions", err)
		assert.True(t, "page size", len(list) <= page)
		if len(list) == 0 {
			return out
		}
		for _, p := range list {
			assert.True(t, "a current member", p.Current())
			out = append(out, stand{p.User, p.Read, p.Got})
		}
		after = out[len(out)-1].user
	}
}

func receiptPositions(t *testing.T, e Engine) {
	e.must(t, group(1, alice, bob, carol, eve), group(2, alice, 77), text(1, alice, 1), text(1, bob, 2))
	e.must(t, &chat.Draft{Conversation: 1, Sender: carol, Mark: 2}, got(1, carol, 3), got(1, eve, 2))
	e.must(t, &chat.Draft{Conversation: 1, Sender: alice, Body: chat.MembersChanged{Action: chat.MemberRemoved, Users: []chat.UserID{eve}}})
	e.must(t, &chat.Draft{Conversation: 1, Sender: alice, Body: chat.MembersChanged{Action: chat.MemberAdded, Users: []chat.UserID{44}}})
	want := []stand{{alice, 2, 0}, {bob, 3, 0}, {carol, 2, 3}, {44, 5, 0}}
	for _, page := range []int{1, 2, 4, 100} {
		assert.Equal(t, "members", e.stands(t, 1, page), want)
	}
	list, err := e.Positions.Positions(t.Context(), 1, carol, 10)
	assert.True(t, "who came later sees less", err == nil && len(list) == 1 && !list[0].Sees(4) && list[0].Sees(5))
	assert.Equal(t, "of nothing", len(e.stands(t, 404, 10)), 0)
}

func receiptCrash(t *testing.T, e Engine) {
	e.must(t, group(1, alice, bob), text(1, alice, 1), got(1, bob, 2))
	e.must(t, &chat.Draft{Conversation: 1, Sender: bob, Mark: 1})
	e = e.Crash(t)
	assert.Equal(t, "after a crash", e.stands(t, 1, 10), []stand{{alice, 2, 0}, {bob, 1, 2}})
	e.must(t, text(1, bob, 2))
	assert.Equal(t, "other writes keep it", e.stands(t, 1, 10), []stand{{alice, 2, 0}, {bob, 3, 2}})
}

func receiptGot(t *testing.T, e Engine) {
	e.must(t, group(1, alice, bob), text(1, alice, 1), text(1, alice, 2))
	r := e.must(t, got(1, bob, 2), got(1, bob, 1), got(1, bob, 99), got(1, bob, 3))
	seqs := make([]chat.Seq, len(r))
	for i := range r {
		seqs[i] = r[i].Seq
		assert.Equal(t, "nothing was read", r[i].Read.Seq, chat.Seq(1))
		assert.Equal(t, "a repeat", r[i].Repeat, i == 1 || i == 3)
	}
	assert.True(t, "what stands", slices.Equal(seqs, []chat.Seq{2, 2, 3, 3}))
	assert.Equal(t, "it is no entry", e.head(t, 1).Seq, chat.Seq(3))
	e.contiguous(t, 1)
	for _, d := range []*chat.Draft{got(1, eve, 1), got(404, alice, 1)} {
		assert.Equal(t, "who is no member", reasonOf(e.do(t, d)[0]), chat.ReasonConversationNotFound)
	}
	e.must(t, &chat.Draft{Conversation: 1, Sender: bob, Body: chat.MembersChanged{Action: chat.MemberLeft, Users: []chat.UserID{bob}}})
	assert.Equal(t, "who has left", reasonOf(e.do(t, got(1, bob, 4))[0]), chat.ReasonConversationNotFound)
	for _, d := range []*chat.Draft{{Conversation: 1, Got: 1}, {Conversation: 1, Sender: alice, Got: 1, Mark: 1}} {
		err := content.Check(d)
		assert.Equal(t, "what says too little or too much", err.Reason, chat.ReasonBodyInvalid)
	}
}

func receiptHidden(t *testing.T, e Engine) {
	hide := func(user chat.UserID, spans ...chat.Span) *chat.Draft {
		return &chat.Draft{Conversation: 1, Sender: user, Hide: spans}
	}
	e.must(t, group(1, alice, bob), text(1, alice, 1), text(1, alice, 2), text(1, alice, 3), text(1, alice, 4))
	r := e.must(t, hide(bob, chat.Span{From: 2, To: 2}), hide(bob, chat.Span{From: 4, To: 5}), hide(bob, chat.Span{From: 2, To: 2}))
	assert.True(t, "what changed something", !r[0].Repeat && !r[1].Repeat && r[2].Repeat)
	for _, c := range []struct {
		draft *chat.Draft
		want  chat.Reason
	}{
		{hide(bob, chat.Span{From: 5, To: 6}), chat.ReasonRangeInvalid},
		{hide(bob, chat.Span{From: 5, To: 4}), chat.ReasonRangeInvalid},
		{hide(eve, chat.Span{From: 1, To: 1}), chat.ReasonConversationNotFound},
		{&chat.Draft{Conversation: 1, Sender: bob, Mark: 1, Hide: []chat.Span{{From: 1, To: 1}}}, chat.ReasonBodyInvalid},
	} {
		assert.Equal(t, "refused", reasonOf(e.do(t, c.draft)[0]), c.want)
	}
	e.must(t, got(1, bob, 5), &chat.Draft{Conversation: 1, Sender: bob, Body: chat.MembersChanged{Action: chat.MemberLeft, Users: []chat.UserID{bob}}})
	e.must(t, hide(bob, chat.Span{From: 6, To: 6}))
	e = e.Crash(t)
	want, _ := chat.Hidden("").Add(chat.HiddenSpan{Span: chat.Span{From: 2, To: 2}, Last: 1})
	want, _ = want.Add(chat.HiddenSpan{Span: chat.Span{From: 4, To: 6}, Before: 2, Last: 4})
	m, err := e.Directory.Member(t.Context(), 1, bob)
	assert.NoError(t, "member", err)
	assert.True(t, "it stands, beside the rest", m.Hidden == want && m.Got == 5 && !m.Current())
	parts, err := e.Logs.Parts(t.Context(), bob, []chat.ConversationID{1})
	assert.True(t, "in parts", err == nil && parts[0].Member.Hidden == want)
	m, err = e.Directory.Member(t.Context(), 1, alice)
	assert.True(t, "the others have nothing of it", err == nil && m.Hidden == "")
	assert.Equal(t, "it is no entry", len(e.contiguous(t, 1)), 6)
}
