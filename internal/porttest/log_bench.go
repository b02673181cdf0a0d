package porttest

import (
	"encoding/binary"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
)

const (
	amendRooms   = 256 // conversations of a benchmark
	amendTargets = 64  // messages of each that are edited
	amendBatch   = 100 // drafts of one append
	amendWorkers = 4   // appends side by side
	amendText    = "all work and no play makes jack a dull boy; all work and no play makes jack a dull boy; all work and no"
)

// BenchmarkAmend compares edits with messages of the same length, at the log's port and durably. Appends of either kind take turns, so that what
// else the machine does slows both down. The ratio is how much longer an edit takes.
func BenchmarkAmend(b *testing.B, open func(t testing.TB) Engine) {
	e := open(b)
	var unique atomic.Uint64
	client := func() (id chat.ClientID) {
		binary.BigEndian.PutUint64(id[:], rand.Uint64())
		binary.BigEndian.PutUint64(id[8:], unique.Add(1))
		return id
	}
	send := func(room int, body chat.Body) *chat.Draft {
		return &chat.Draft{Conversation: chat.ConversationID(room + 1), Sender: alice, Device: 7, ClientID: client(), Body: body}
	}
	for room := range amendRooms {
		drafts := append(make([]*chat.Draft, 0, 1+amendTargets), group(chat.ConversationID(room+1), alice, bob))
		for range amendTargets {
			drafts = append(drafts, send(room, chat.Text{Text: amendText}))
		}
		e.must(b, drafts...)
	}
	var left, messages, edits atomic.Int64
	left.Store(int64(b.N))
	append100 := func(took *atomic.Int64, body func() chat.Body) {
		drafts := make([]*chat.Draft, amendBatch)
		for i := range drafts {
			drafts[i] = send(rand.IntN(amendRooms), body())
		}
		begun := time.Now()
		a, err := e.Log.Append(b.Context(), drafts)
		assert.NoError(b, "append", err)
		assert.NoError(b, "wait", a.Wait(b.Context()))
		took.Add(int64(time.Since(begun)))
		for _, r := range a.Results() {
			if r.Err != nil && r.Err.Reason != chat.ReasonTooManyEdits {
				b.Error(r.Err)
			}
		}
	}
	b.ResetTimer()
	var wg sync.WaitGroup
	for range amendWorkers {
		wg.Go(func() {
			for left.Add(-1) >= 0 {
				append100(&messages, func() chat.Body { return chat.Text{Text: amendText} })
				append100(&edits, func() chat.Body {
					return chat.Edit{Target: 2 + chat.Seq(rand.IntN(amendTargets)), Body: chat.Text{Text: amendText}}
				})
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	rate := func(took *atomic.Int64) float64 {
		return float64(b.N*amendBatch*amendWorkers) / time.Duration(took.Load()).Seconds()
	}
	b.ReportMetric(rate(&messages), "messages/s")
	b.ReportMetric(rate(&edits), "edits/s")
	b.ReportMetric(rate(&messages)/rate(&edits), "ratio")
}
