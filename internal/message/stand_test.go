package message_test

import (
	"log/slog"
	"math/rand/v2"
	"testing"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/message"
)

// Without a ring that follows the log, a reader whose membership is known costs no read of it for as long as the head names the same
// member change; and sees, after any change, what one sees who is asked for anew.
func TestAReaderIsKnownUntilMembersChange(t *testing.T) {
	t.Parallel()
	p := newPool(t, 2, message.DefaultConfig())
	quiet := slog.New(slog.DiscardHandler)
	service := message.New(message.DefaultConfig(), p.reads, p.reads, nil, quiet)
	pull := func(reader chat.UserID) (message.Page, error) {
		return service.Range(t.Context(), message.RangeQuery{Reader: reader, Conversation: 1, Limit: 200})
	}
	p.found(1, 1, 2, 3, 4)
	p.reads.forget()
	for range 10 {
		p.say(1, 2, "hello")
		_, err := pull(3)
		assert.NoError(t, "page", err)
	}
	assert.Equal(t, "reads of the membership", p.reads.members.Load(), int64(1))
	rnd := rand.New(rand.NewPCG(7, 1))
	inside := map[chat.UserID]bool{1: true, 2: true, 3: true, 4: true}
	for range 300 {
		user := chat.UserID(3 + rnd.IntN(4))
		switch rnd.IntN(4) {
		case 0:
			action := chat.MemberAdded
			if inside[user] {
				action = chat.MemberRemoved
			}
			inside[user] = !inside[user]
			p.do(&chat.Draft{Conversation: 1, Body: chat.MembersChanged{Action: action, Users: []chat.UserID{user}}})
		case 1:
			p.say(1, 2, "on")
		default:
			want, failed := message.New(message.DefaultConfig(), p.reads, p.reads, nil, quiet).
				Range(t.Context(), message.RangeQuery{Reader: user, Conversation: 1, Limit: 200})
			got, err := pull(user)
			assert.Equal(t, "refused", err != nil, failed != nil)
			assert.Equal(t, "page", got, want)
		}
	}
}
