//go:build cluster

package slots_test

import (
	"testing"
	"time"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/store/mysql/slots"
)

// BenchmarkMove moves a slot with 20,000 messages (40,000 rows), and says for how long nobody could write to it.
func BenchmarkMove(b *testing.B) {
	l := newLand(b, 1)
	ids, slot := inOneSlot(l.nodes[0], 10)
	for _, id := range ids {
		send(b, l.nodes[0], group(id, alice, bob))
		for n := 0; n < 2_000; n += 100 {
			drafts := make([]*chat.Draft, 100)
			for i := range drafts {
				drafts[i] = words(id, alice, n+i)
			}
			_, err := l.nodes[0].Append(b.Context(), drafts)
			assert.NoError(b, "append", err)
		}
	}
	l.exec(b, 0, "DELETE FROM outbox") // as a relay would have
	s := l.open(b)
	var closed time.Duration
	var rows uint64
	m := slots.New(s, func(p slots.Progress) {
		if p.Step == slots.Done {
			closed, rows = closed+p.Closed, rows+p.Rows
		}
	})
	to := 0
	for b.Loop() {
		to = 1 - to
		assert.NoError(b, "move", m.Move(b.Context(), []slots.Slot{slot}, s.Databases()[to]))
	}
	b.ReportMetric(float64(rows)/b.Elapsed().Seconds(), "rows/s")
	b.ReportMetric(float64(closed.Milliseconds())/float64(b.N), "closed-ms/op")
}
