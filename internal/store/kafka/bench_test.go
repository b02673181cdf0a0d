//go:build cluster

package kafka_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/queue"
	"github.com/throng-im/throng/internal/store/kafka"
)

// BenchmarkPublish measures events a second through a broker, from lanes that each wait for their batches.
func BenchmarkPublish(b *testing.B) {
	for _, batch := range []int{1, 10, 100} {
		b.Run(fmt.Sprintf("batch=%d", batch), func(b *testing.B) {
			cfg := real(b)
			cfg.Partitions = 16
			q := open(b, cfg, kafka.Deps{})
			assert.NoError(b, "check", q.Check(b.Context()))
			left := make(chan struct{}, b.N)
			for range b.N {
				left <- struct{}{}
			}
			close(left)
			b.ResetTimer()
			var wg sync.WaitGroup
			for lane := range queue.Lane(queue.Lanes) {
				wg.Go(func() {
					events := make([]chat.Event, batch)
					for i := range events {
						events[i] = event(chat.ConversationID(lane+1), chat.Seq(i+1))
					}
					for range left {
						err := q.Publish(b.Context(), lane, events)
						for ; err != nil && b.Context().Err() == nil; err = q.Publish(b.Context(), lane, events) {
							b.Log(err) // a new topic's leaders take a moment
						}
					}
				})
			}
			wg.Wait()
			b.ReportMetric(float64(b.N*batch)/b.Elapsed().Seconds(), "events/s")
		})
	}
}

// BenchmarkDelay measures how long one event takes from a relay's Publish until a follower has it, when there is nothing else.
func BenchmarkDelay(b *testing.B) {
	cfg := real(b)
	q := open(b, cfg, kafka.Deps{})
	come := make(chan struct{}, 1)
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	given := make(chan struct{}, cfg.Partitions)
	share(b, q, "g", func(_ context.Context, s queue.Stream) error {
		from, err := s.Position(ctx)
		if err != nil {
			return err
		}
		given <- struct{}{}
		return s.Follow(ctx, from, func(context.Context, queue.Batch) error {
			come <- struct{}{}
			return nil
		})
	})
	for range cfg.Partitions {
		<-given
	}
	b.ResetTimer()
	delays := make([]time.Duration, 0, b.N)
	for i := range b.N {
		begin := time.Now()
		assert.NoError(b, "publishing", q.Publish(b.Context(), 0, []chat.Event{event(1, chat.Seq(i+1))}))
		<-come
		delays = append(delays, time.Since(begin))
	}
	slices.Sort(delays)
	b.ReportMetric(float64(delays[len(delays)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(delays[len(delays)*99/100].Microseconds()), "p99-µs")
}
