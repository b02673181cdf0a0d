//go:build cluster

package redis_test

import (
	"sync/atomic"
	"testing"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/timeline"
	"github.com/throng-im/throng/test/engines"
)

// BenchmarkUsers looks up the routes of 3 and of 200 users.
func BenchmarkUsers(b *testing.B) {
	for name, n := range map[string]int{"3": 3, "200": 200} {
		b.Run(name, func(b *testing.B) {
			c, cfg := shared(b)
			there, here := join(b, c, "a"), join(b, client(b, cfg), "b")
			users := make([]chat.UserID, n)
			for i := range users {
				users[i] = user(i + 1)
				there.Attach(users[i])
			}
			assert.NoError(b, "flush", there.Flush(b.Context()))
			b.ResetTimer()
			b.RunParallel(func(p *testing.PB) {
				for p.Next() {
					if _, err := here.Users(b.Context(), users, nil); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}

// BenchmarkAttach attaches users and waits for them, a thousand at a time.
func BenchmarkAttach(b *testing.B) {
	c, _ := shared(b)
	m := join(b, c, "a")
	for i := range b.N {
		m.Attach(user(i + 1))
		if i%1_000 == 999 || i == b.N-1 {
			assert.NoError(b, "flush", m.Flush(b.Context()))
		}
	}
}

// full makes timelines of users with fifty conversations each.
func full(b *testing.B, users int) timeline.Store {
	b.Helper()
	k := engines.Redis(b)
	s := openLines(b, settings(k.Address, k.Prefix), newShelf())
	for u := 1; u <= users; u++ {
		changes := make([]timeline.Change, 50)
		for i := range changes {
			changes[i] = entered(user(u), chat.ConversationID(i+1), 1)
		}
		apply(b, s, 1, changes...)
	}
	return s
}

// BenchmarkTouch writes rows of a thousand users at once, which nobody has seen and all have seen.
func BenchmarkTouch(b *testing.B) {
	const users = 1_000
	for name, spare := range map[string]bool{"written": false, "spared": true} {
		b.Run(name, func(b *testing.B) {
			s := full(b, users)
			changes := make([]timeline.Change, users)
			b.ResetTimer()
			for i := range b.N {
				for u := range changes {
					changes[u] = timeline.Change{User: user(u + 1), Conversation: chat.ConversationID(i%50 + 1), Spare: spare}
				}
				apply(b, s, 1, changes...)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*users), "ns/row")
		})
	}
}

// BenchmarkRows reads timelines of fifty conversations, BenchmarkEnd only their ends; from 64 goroutines a core.
func BenchmarkRows(b *testing.B) {
	s := full(b, 100)
	var n atomic.Uint64
	b.SetParallelism(64)
	b.ResetTimer()
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			if _, err := s.Rows(b.Context(), user(int(n.Add(1)%100+1))); err != nil {
				b.Error(err)
			}
		}
	})
}

func BenchmarkEnd(b *testing.B) {
	s := full(b, 100)
	var n atomic.Uint64
	b.SetParallelism(64)
	b.ResetTimer()
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			if _, err := s.End(b.Context(), user(int(n.Add(1)%100+1))); err != nil {
				b.Error(err)
			}
		}
	})
}

// BenchmarkHot reads fifty entries that are cached; from 64 goroutines a core.
func BenchmarkHot(b *testing.B) {
	c, _ := shared(b)
	h := c.NewHot()
	for seq := chat.Seq(1); seq <= 100; seq++ {
		h.Put(b.Context(), hotEntry(seq))
	}
	b.SetParallelism(64)
	b.ResetTimer()
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			if _, ok := h.Get(b.Context(), 7, 51, 100, 0); !ok {
				b.Error("a miss")
			}
		}
	})
}
