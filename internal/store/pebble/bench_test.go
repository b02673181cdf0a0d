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

func created(i int) *chat.Draft {
	low, high := chat.UserID(2*i+1), chat.UserID(2*i+2)
	return &chat.Draft{
		Conversation: chat.ConversationID(i + 1), Sender: low,
		Body: chat.Created{Kind: chat.KindDirect, Members: []chat.UserID{low, high}},
	}
}
