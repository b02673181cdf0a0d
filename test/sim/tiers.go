package sim

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"connectrpc.com/connect"

	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// tierEvery is how often an administrator says of what tier a conversation is, on average.
const tierEvery = 6 * time.Second

// govern lets administrators say what conversations are, until the world heals. It draws from a source of its own, since the
// world's belongs to the world's goroutine.
func (w *World) govern(rng *rand.Rand, until time.Time) {
	for {
		time.Sleep(time.Duration(rng.ExpFloat64() * float64(tierEvery)))
		if time.Now().After(until) {
			return
		}
		rooms := slices.DeleteFunc(w.allRooms(), func(r room) bool { return !r.changing || !r.group })
		if len(rooms) == 0 {
			continue
		}
		r, tier := rooms[rng.IntN(len(rooms))], throngv1.Tier(rng.IntN(4)) // unspecified: by its size
		ctx, cancel := context.WithTimeout(w.ctx, 20*time.Second)
		_, err := w.admin.Admin.SetTier(ctx, connect.NewRequest(&throngv1.SetTierRequest{Conversation: uint64(r.id), Tier: tier}))
		cancel()
		w.step("conversation %d is to be %s: %v", r.id, tier, err)
	}
}
