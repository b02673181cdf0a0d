package metamorphic_test

import (
	"encoding/binary"
	"math/rand/v2"
	"strconv"

	"github.com/throng-im/throng/internal/chat"
)

const (
	rooms      = 6
	people     = 6
	opsPerRoom = 70
)

// op is one step of a conversation. What it does depends on its own conversation alone.
type op struct {
	draft chat.Draft
	mark  uint64 // for read positions: this many thousandths of the head
}

// generate draws a script: a list of steps for each conversation.
func generate(seed uint64) [][]op {
	rng := rand.New(rand.NewPCG(seed, 1))
	out := make([][]op, rooms)
	for r := range out {
		id := chat.ConversationID(r + 1)
		first := op{draft: chat.Draft{Conversation: id, Sender: 1, Body: chat.Created{
			Kind: chat.KindGroup, Open: true, Members: []chat.UserID{1, 2, 3, 4}[:1+rng.IntN(4)],
		}}}
		out[r] = append(out[r], first)
		for n := range opsPerRoom {
			out[r] = append(out[r], draw(rng, id, n))
		}
	}
	return out
}

func draw(rng *rand.Rand, id chat.ConversationID, n int) op {
	user := chat.UserID(1 + rng.IntN(people))
	o := op{draft: chat.Draft{Conversation: id, Sender: user}}
	members := func(a chat.MemberAction, whom ...chat.UserID) {
		o.draft.Body = chat.MembersChanged{Action: a, Users: whom}
	}
	switch k := rng.IntN(20); {
	case k < 10:
		o.draft.Body = chat.Text{Text: "text " + strconv.Itoa(n)}
		binary.BigEndian.PutUint64(o.draft.ClientID[:], rng.Uint64())
		o.draft.ClientID[15] = 1
	case k < 14:
		o.mark = 1 + rng.Uint64N(1000)
	case k < 16:
		members(chat.MemberJoined, user)
	case k < 17:
		members(chat.MemberLeft, user)
	case k < 19:
		o.draft.Sender = 1
		members(chat.MemberAdded, chat.UserID(2+rng.IntN(people-1)), chat.UserID(2+rng.IntN(people-1)))
	default:
		o.draft.Sender = 1
		members(chat.MemberRemoved, chat.UserID(2+rng.IntN(people-1)))
	}
	return o
}
