package gateway_test

import (
	"fmt"
	"testing"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/gateway"
)

// BenchmarkTiers is what one delivery costs inside the gateway, by the way it takes: to the members by name, to a group of which everybody
// gets the content, and in rounds to those who have a large conversation open. Sockets apart: they cost 8 µs each.
func BenchmarkTiers(b *testing.B) {
	for _, people := range []int{100, 10_000} {
		h, list := newHall(b, people, func(c *gateway.Config) { c.Hold = 0 })
		for _, m := range list {
			m.Send(frameOf(focusOn(uint64(big))))
		}
		h.until("all are answered", func() bool { return h.takes.Load() == int64(2*people) })
		seq := chat.Seq(0)
		for tier, name := range map[chat.Tier]string{chat.TierSmall: "small", chat.TierMedium: "medium", chat.TierLarge: "large"} {
			b.Run(fmt.Sprintf("%s/%d", name, people), func(b *testing.B) {
				b.ReportAllocs()
				for range (b.N + people - 1) / people {
					seq++
					d := content(big, seq, tier)
					if tier == chat.TierSmall {
						d.Users = everybody(people)
					}
					before := h.takes.Load()
					if err := h.gateway.Receive(b.Context(), d); err != nil {
						b.Fatal(err)
					}
					h.until("all have it", func() bool { return h.takes.Load() == before+int64(people) })
				}
			})
		}
	}
}
