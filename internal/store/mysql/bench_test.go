//go:build cluster

package mysql

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/message"
	"github.com/throng-im/throng/internal/porttest"
)

// benchConversations is how many conversations a worker of the benchmark writes into.
const benchConversations = 512

// BenchmarkAppend compares appends at the log's port, the outbox included, with the least that could store the same rows in the same
// tables: one round trip of the same statements, for which nothing was locked, read or decided. The two take turns, so that what else
// the machine does slows both down. Speed is how fast the append is in percent of the other one.
//
//	go test -tags cluster -run '^$' -bench Append -benchtime 3s ./internal/store/mysql
func BenchmarkAppend(b *testing.B) {
	for _, c := range []struct{ batch, workers int }{{1, 1}, {1, 16}, {10, 16}, {100, 1}, {100, 4}, {100, 16}, {1000, 1}, {1000, 4}} {
		b.Run(fmt.Sprintf("batch=%d/workers=%d", c.batch, c.workers), func(b *testing.B) { benchmarkAppend(b, c.batch, c.workers) })
	}
}

func benchmarkAppend(b *testing.B, batch, workers int) {
	s := open(b, settings(b, 1))
	for w := range 2 * workers { // half of them for the bare ones
		drafts := make([]*chat.Draft, benchConversations)
		for i := range drafts {
			drafts[i] = group(chat.ConversationID(w*benchConversations+i+1), 1, 2)
		}
		must(b, s, drafts...)
	}
	var left, unique, bare, append atomic.Int64
	left.Store(int64(b.N))
	b.ResetTimer()
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			memory := newDecision(nil)
			for left.Add(-1) >= 0 {
				drafts := benchDrafts(batch, w, &unique)
				begun := time.Now()
				a, err := s.Append(b.Context(), drafts)
				append.Add(int64(time.Since(begun)))
				assert.NoError(b, "append", err)
				for _, r := range a.Results() {
					assert.True(b, "applied", r.Err == nil)
				}
				drafts = benchDrafts(batch, workers+w, &unique)
				begun = time.Now()
				appendBare(b, s, memory, drafts)
				bare.Add(int64(time.Since(begun)))
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	rate := func(took *atomic.Int64) float64 {
		return float64(b.N*batch) / time.Duration(took.Load()/int64(workers)).Seconds()
	}
	b.ReportMetric(rate(&append), "messages/s")
	b.ReportMetric(rate(&bare), "bare/s")
	b.ReportMetric(100*rate(&append)/rate(&bare), "%speed")
}

// BenchmarkAmend compares edits with messages.
//
//	go test -tags cluster -run '^$' -bench Amend -benchtime 200x ./internal/store/mysql
func BenchmarkAmend(b *testing.B) {
	porttest.BenchmarkAmend(b, func(t testing.TB) porttest.Engine { return engineOn(t, settings(t, 1)) })
}

// benchDrafts are messages to some of a worker's conversations.
func benchDrafts(batch, worker int, unique *atomic.Int64) []*chat.Draft {
	drafts := make([]*chat.Draft, batch)
	for i := range drafts {
		var client chat.ClientID
		binary.BigEndian.PutUint64(client[:], rand.Uint64())
		binary.BigEndian.PutUint64(client[8:], uint64(unique.Add(1)))
		drafts[i] = &chat.Draft{
			Conversation: chat.ConversationID(worker*benchConversations + rand.IntN(benchConversations) + 1),
			Sender:       chat.UserID(1 + i%2), Device: 7, ClientID: client, Body: chat.Text{Text: strings.Repeat("message ", 25)},
		}
	}
	return drafts
}

// appendBare writes what the decisions on a state in memory come to.
func appendBare(b *testing.B, s *Store, c *decision, drafts []*chat.Draft) {
	for _, d := range drafts {
		if h := c.head(d.Conversation); !h.stored {
			h.value = chat.Head{Conversation: d.Conversation, Kind: chat.KindGroup, Tier: chat.TierSmall, Seq: 1, Members: 2, MemberSeq: 1}
			h.stored = true
			for user := range chat.UserID(2) {
				c.parts[partKey{d.Conversation, user + 1}] = &partRow{value: message.Part{Member: chat.Member{
					User: user + 1, Role: chat.RoleMember, JoinedMS: 1 << 40, Spans: []chat.Span{{From: 1}},
				}}}
			}
		}
		c.repeats[repeatKeyOf(d)] = &repeatRow{}
		r := c.decide(message.DefaultRules(), d, 1<<40)
		assert.True(b, "applied", r.Err == nil)
	}
	texts := c.texts()
	_, err := s.home().db.ExecContext(context.Background(), "START TRANSACTION;"+strings.Join(texts, ";")+";COMMIT")
	assert.NoError(b, "bare", err)
	c.entries, c.events = nil, nil
	clear(c.repeats)
	clear(c.ordinals)
	for _, h := range c.heads {
		h.changed = false
	}
	for _, p := range c.parts {
		p.changed = false
	}
}

// BenchmarkReceipt compares what a receipt costs with what a message costs, the outbox included: messages, then what devices of the other members
// have of them, then their reading, in turns.
//
//	go test -tags cluster -run '^$' -bench Receipt -benchtime 20x ./internal/store/mysql
func BenchmarkReceipt(b *testing.B) {
	for _, batch := range []int{1, 10, 100} {
		b.Run(fmt.Sprintf("batch=%d", batch), func(b *testing.B) {
			s := open(b, settings(b, 1))
			drafts := make([]*chat.Draft, batch)
			turn := func(draft func(id chat.ConversationID) *chat.Draft) time.Duration {
				for i := range drafts {
					drafts[i] = draft(chat.ConversationID(i + 1))
				}
				begun := time.Now()
				must(b, s, drafts...)
				return time.Since(begun)
			}
			turn(func(id chat.ConversationID) *chat.Draft { return group(id, 1, 2) })
			var unique atomic.Int64
			var message, got, read time.Duration
			b.ResetTimer()
			for n := range b.N {
				seq := chat.Seq(n + 2)
				message += turn(func(id chat.ConversationID) *chat.Draft {
					d := benchDrafts(1, 0, &unique)[0]
					d.Conversation, d.Sender = id, 1
					return d
				})
				got += turn(func(id chat.ConversationID) *chat.Draft { return &chat.Draft{Conversation: id, Sender: 2, Got: seq} })
				read += turn(func(id chat.ConversationID) *chat.Draft { return &chat.Draft{Conversation: id, Sender: 2, Mark: seq} })
			}
			b.ReportMetric(float64(message.Nanoseconds())/float64(b.N*batch), "ns/message")
			b.ReportMetric(100*float64(got)/float64(message), "%got")
			b.ReportMetric(100*float64(read)/float64(message), "%read")
		})
	}
}
