package slots

import (
	"math/rand/v2"
	"testing"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
)

func TestSpread(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		has := make([][]Slot, 1+rng.IntN(7))
		old := 1 + rng.IntN(len(has)) // others are new
		at := make([]int, chat.Slots)
		for n := range chat.Slots {
			at[n] = rng.IntN(old)
			has[at[n]] = append(has[at[n]], Slot{Number: chat.Slot(n)})
		}
		moved := 0
		for i, gets := range spread(has) {
			for _, slot := range gets {
				assert.True(t, "it comes from somewhere else", at[slot.Number] != i)
				at[slot.Number] = i
				moved++
			}
		}
		after, needed := make([]int, len(has)), 0
		for _, i := range at {
			after[i]++
		}
		share := chat.Slots / len(has)
		for i := range has {
			assert.True(t, "evenly", after[i] == share || after[i] == share+1)
			needed += max(0, share-len(has[i]))
		}
		assert.True(t, "no more moves than there have to be", moved >= needed && moved <= needed+chat.Slots%len(has))
	}
}
