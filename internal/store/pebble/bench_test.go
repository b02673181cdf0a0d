package pebble_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/message"
	"github.com/throng-im/throng/internal/porttest"
	"github.com/throng-im/throng/internal/store/pebble"
)

// BenchmarkAppend sends texts of 200 bytes in direct conversations through the service, durably, with as many senders
// waiting at any time as the name says.
func BenchmarkAppend(b *testing.B) {
	for _, senders := range []int{1, 64, 1024} {
		for _, collect := range []time.Duration{0, 300 * time.Microsecond} {
			b.Run(fmt.Sprintf("senders=%d/collect=%s", senders, collect), func(b *testing.B) { benchmarkAppend(b, senders, collect) })
		}
	}
}

func benchmarkAppend(b *testing.B, senders int, collect time.Duration) {
	store, err := pebble.Open(b.TempDir(), pebble.Options{})
	assert.NoError(b, "opening", err)
	defer func() { assert.NoError(b, "closing", store.Close()) }()
	cfg := message.DefaultConfig()
	cfg.Collect = collect
	service := message.New(cfg, store, store, nil, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(b.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = service.Run(ctx) }()
	defer func() { cancel(); <-ended }()

	const conversations = 1_000
	for i := range conversations {
		_, err := service.Append(ctx, created(i))
		assert.NoError(b, "creating", err)
	}
	text := strings.Repeat("all work and no play ", 10)[:200]
	b.ReportAllocs()
	b.ResetTimer()
	var wg sync.WaitGroup
	next := make(chan struct{}, b.N)
	for range b.N {
		next <- struct{}{}
	}
	close(next)
	for sender := range senders {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(sender), 1))
			for range next {
				i := rng.IntN(conversations)
				d := &chat.Draft{Conversation: chat.ConversationID(i + 1), Sender: chat.UserID(2*i + 1), Body: chat.Text{Text: text}}
				binary.BigEndian.PutUint64(d.ClientID[:], rng.Uint64())
				binary.BigEndian.PutUint64(d.ClientID[8:], rng.Uint64())
				if _, err := service.Append(ctx, d); err != nil {
					b.Error(err)
				}
			}
		})
	}
	wg.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "appends/s")
}

// BenchmarkAmend compares edits with messages.
//
//	go test -run '^$' -bench Amend -benchtime 200x ./internal/store/pebble
func BenchmarkAmend(b *testing.B) {
	porttest.BenchmarkAmend(b, func(t testing.TB) porttest.Engine {
		t.Helper()
		store, err := pebble.Open(t.TempDir(), pebble.Options{})
		assert.NoError(t, "opening", err)
		t.Cleanup(func() { assert.NoError(t, "closing", store.Close()) })
		return porttest.Engine{Log: store}
	})
}

func created(i int) *chat.Draft {
	low, high := chat.UserID(2*i+1), chat.UserID(2*i+2)
	return &chat.Draft{
		Conversation: chat.ConversationID(i + 1), Sender: low,
		Body: chat.Created{Kind: chat.KindDirect, Members: []chat.UserID{low, high}},
	}
}

// BenchmarkReceipt compares what a receipt costs with what a message costs, durably through the service, with as many waiting as the name says:
// messages, then what devices of the other members have of them, then their reading, in turns.
func BenchmarkReceipt(b *testing.B) {
	for _, senders := range []int{64, 1024} {
		b.Run(fmt.Sprintf("senders=%d", senders), func(b *testing.B) {
			store, err := pebble.Open(b.TempDir(), pebble.Options{})
			assert.NoError(b, "opening", err)
			defer func() { assert.NoError(b, "closing", store.Close()) }()
			service := message.New(message.DefaultConfig(), store, store, nil, slog.New(slog.DiscardHandler))
			ctx, cancel := context.WithCancel(b.Context())
			ended := make(chan struct{})
			go func() { defer close(ended); _ = service.Run(ctx) }()
			defer func() { cancel(); <-ended }()
			const conversations = 4_096
			for i := range conversations {
				_, err := service.Append(ctx, created(i))
				assert.NoError(b, "creating", err)
			}
			text := strings.Repeat("all work and no play ", 10)[:200]
			rng := rand.New(rand.NewPCG(1, 1))
			// turn has every conversation get a draft, and returns how long that takes.
			turn := func(draft func(i int) *chat.Draft) time.Duration {
				drafts := make(chan *chat.Draft, conversations)
				for i := range conversations {
					drafts <- draft(i)
				}
				close(drafts)
				var wg sync.WaitGroup
				begun := time.Now()
				for range senders {
					wg.Go(func() {
						for d := range drafts {
							if _, err := service.Append(ctx, d); err != nil {
								b.Error(err)
							}
						}
					})
				}
				wg.Wait()
				return time.Since(begun)
			}
			var message, got, read time.Duration
			b.ResetTimer()
			for n := range b.N {
				seq := chat.Seq(n + 2)
				message += turn(func(i int) *chat.Draft {
					d := &chat.Draft{Conversation: chat.ConversationID(i + 1), Sender: chat.UserID(2*i + 1), Body: chat.Text{Text: text}}
					binary.BigEndian.PutUint64(d.ClientID[:], rng.Uint64())
					binary.BigEndian.PutUint64(d.ClientID[8:], rng.Uint64())
					return d
				})
				got += turn(func(i int) *chat.Draft {
					return &chat.Draft{Conversation: chat.ConversationID(i + 1), Sender: chat.UserID(2*i + 2), Got: seq}
				})
				read += turn(func(i int) *chat.Draft {
					return &chat.Draft{Conversation: chat.ConversationID(i + 1), Sender: chat.UserID(2*i + 2), Mark: seq}
				})
			}
			per := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / float64(b.N*conversations) }
			b.ReportMetric(per(message), "ns/message")
			b.ReportMetric(100*float64(got)/float64(message), "%got")
			b.ReportMetric(100*float64(read)/float64(message), "%read")
		})
	}
}
