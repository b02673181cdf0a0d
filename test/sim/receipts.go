package sim

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"connectrpc.com/connect"

	"github.com/throng-im/throng/client"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// peruseEvery is how often somebody looks at who has got and read what, on average.
const peruseEvery = time.Second

// peruse has users look at where the others of a conversation stand, until the world heals (RCP-1, RCP-2): what was seen once is not taken back, by a
// crash neither, and what was acknowledged as read before somebody looked is seen. It draws from a source of its own, like [World.govern].
func (w *World) peruse(rng *rand.Rand, until time.Time) {
	seen := make(map[markKey]*throngv1.Receipt)
	for {
		time.Sleep(time.Duration(rng.ExpFloat64() * float64(peruseEvery)))
		if time.Now().After(until) {
			return
		}
		rooms := w.allRooms()
		if len(rooms) == 0 {
			continue
		}
		user, r := w.users[rng.IntN(len(w.users))], rooms[rng.IntN(len(rooms))]
		marks := make(map[markKey]uint64)
		for _, u := range w.users {
			marks[markKey{u, r.id}] = w.mark(u, r.id)
		}
		ctx, cancel := context.WithTimeout(w.ctx, 20*time.Second)
		resp, err := w.as(user).Receipts.ListReceipts(ctx, connect.NewRequest(&throngv1.ListReceiptsRequest{Conversation: uint64(r.id)}))
		cancel()
		if err != nil {
			continue // what did not work, or is not for the user, is part of life
		}
		for _, is := range resp.Msg.GetReceipts() {
			k := markKey{client.UserID(is.GetUser()), r.id}
			was := seen[k]
			if is.GetReadSeq() < max(was.GetReadSeq(), marks[k]) || is.GetGotSeq() < was.GetGotSeq() || is.GetGotSeq() < is.GetReadSeq() {
				w.fail(fmt.Errorf("in conversation %d user %d is seen at %v, and was at %v, with %d acknowledged as read", r.id, k.user, is, was, marks[k]))
				return
			}
			seen[k] = is
		}
	}
}
