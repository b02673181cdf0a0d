//go:build !race

// What stands here measures how much is done in a time, or does a great deal of it; it runs with the reliability tests.

package message_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/message"
)

// stormWidth is how many pulls are under way at once.
const stormWidth = 100_000

// T20, I22: a hundred thousand pull the same page at the same time.
func TestPullStormReadsTheLogAHandfulOfTimes(t *testing.T) {
	t.Parallel()
	const pulls, members = 100_000, 500
	for _, tc := range []struct {
		name     string
		from, to chat.Seq
		written  int // by the service before the storm; the rest was written before it started
		cold     bool
	}{
		{name: "the last page", written: 300},
		{name: "the last page of a group that nobody wrote in since the start", cold: true},
		{name: "old history", from: 20, to: 69, cold: true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var p *pool
			if tc.cold {
				p = newPool(t, 100, message.DefaultConfig(), func(p *pool) { p.writeBefore(members) })
			} else {
				p = newPool(t, 100, message.DefaultConfig())
				p.found(1, crowd(members)...)
			}
			for range tc.written {
				p.say(1, 1, "hello")
			}
			p.reads.forget()
			told := p.readsTold()
			want, err := p.plain.Range(context.Background(), message.RangeQuery{Reader: 1, Conversation: 1, From: tc.from, To: tc.to})
			assert.NoError(t, "the page", err)
			gate := make(chan struct{})
			var wg sync.WaitGroup
			var wrong atomic.Int64
			for i := range stormWidth {
				wg.Go(func() {
					<-gate
					for n := i; n < pulls; n += stormWidth {
						got, err := p.ringed.Range(context.Background(), message.RangeQuery{
							Reader: chat.UserID(1 + n%members), Conversation: 1, From: tc.from, To: tc.to,
						})
						if err != nil || got.Covered != want.Covered || len(got.Entries) != len(want.Entries) || got.Head != want.Head {
							wrong.Add(1)
						}
					}
				})
			}
			began := time.Now()
			close(gate)
			wg.Wait()
			assert.Equal(t, "wrong answers", wrong.Load(), int64(0))
			reads := p.reads.heads.Load() + p.reads.entries.Load()
			t.Logf("%d pulls in %v: %d reads of heads and entries, %d of members", pulls, time.Since(began), reads, p.reads.members.Load())
			assert.True(t, fmt.Sprintf("at most 20 reads of the log: %d", reads), reads <= 20)
			assert.Equal(t, "reads as the metrics tell", p.readsTold()-told, reads)
			// Each reader is looked up at its first pull, and then known.
			p.reads.forget()
			for u := range chat.UserID(members) {
				_, err := p.ringed.Range(context.Background(), message.RangeQuery{Reader: u + 1, Conversation: 1, From: tc.from, To: tc.to})
				assert.NoError(t, "a pull after the storm", err)
			}
			assert.Equal(t, "reads after the storm", p.reads.all(), int64(0))
		})
	}
}

// readsTold is how many reads of heads and entries the metrics tell.
func (p *pool) readsTold() (reads int64) {
	p.t.Helper()
	families, err := p.told.Gather()
	assert.NoError(p.t, "metrics", err)
	for _, f := range families {
		if f.GetName() != "throng_message_reads_total" {
			continue
		}
		for _, m := range f.GetMetric() {
			if m.GetLabel()[0].GetValue() != "member" {
				reads += int64(m.GetCounter().GetValue())
			}
		}
	}
	return reads
}

func BenchmarkPullLastPage(b *testing.B) {
	for _, entries := range []int{20, 200} {
		for _, from := range []string{"log", "ring"} {
			b.Run(fmt.Sprintf("%d/%s", entries, from), func(b *testing.B) {
				p := newPool(b, 2, message.DefaultConfig())
				p.found(1, crowd(8)...)
				for range 300 {
					p.say(1, 1, "hello, how are you all doing today?")
				}
				p.warm(2)
				service := p.plain
				if from == "ring" {
					service = p.ringed
				}
				b.ReportAllocs()
				for b.Loop() {
					_, err := service.Range(b.Context(), message.RangeQuery{Reader: 2, Conversation: 1, Limit: entries, Backward: true})
					assert.NoError(b, "a page", err)
				}
			})
		}
	}
}
