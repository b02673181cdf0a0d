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
