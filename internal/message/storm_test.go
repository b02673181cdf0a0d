//go:build !race

// What stands here measures how much is done in a time, or does a great deal of it; it runs with the reliability tests.

package message_test

import (
	"context"
	"encoding/binary"
	"flag"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/message"
	"github.com/throng-im/throng/internal/store/pebble"
)

// steady is a log that stores so many drafts a second and no more.
type steady struct {
	message.Log
	each time.Duration

	// owned by the one appender
	stored int
}

type applied []chat.Result

func (a applied) Results() []chat.Result   { return a }
func (applied) Wait(context.Context) error { return nil }

func (l *steady) Append(_ context.Context, drafts []*chat.Draft) (message.Applied, error) {
	<-time.After(time.Duration(len(drafts)) * l.each)
	l.stored += len(drafts)
	return make(applied, len(drafts)), nil
}

// patience is how long a sender waits for an answer before it sends again.
const patience = 10 * time.Second

// storm sends at a rate for a minute to a log that stores a thousand a second, and counts the answers that came while their senders
// still waited, as a rate. Who is refused comes back once, when told to; who has no answer in time sends again, too.
func storm(t *testing.T, cfg message.Config, rate int) (good float64, refused, stored int) {
	t.Helper()
	log := &steady{each: time.Millisecond}
	s := message.New(cfg, log, nil, nil, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = s.Run(ctx) }() // ends with cancel
	var goods, refusals atomic.Int64
	begin := time.Now()
	const during = time.Minute
	var send func(n uint64, again bool)
	send = func(n uint64, again bool) {
		d := text(owner, 1, "x")
		binary.BigEndian.PutUint64(d.ClientID[:], n+1)
		at := time.Now()
		s.Submit(d, func(r chat.Result) {
			switch took := time.Since(at); {
			case r.Err == nil && took <= patience:
				goods.Add(1)
			case r.Err != nil && r.Err.Reason != chat.ReasonDraining:
				refusals.Add(1)
				assert.True(t, "who is refused is told when to come back", r.Err.RetryAfter > 0)
				if !again {
					time.AfterFunc(r.Err.RetryAfter, func() { send(n, true) })
				}
			case r.Err == nil && !again:
				send(n, true) // it gave up before the answer came
			}
		})
	}
	tick := time.NewTicker(10 * time.Millisecond)
	n := uint64(0)
	for time.Since(begin) < during {
		<-tick.C
		for range rate / 100 {
			send(n, false)
			n++
		}
	}
	tick.Stop()
	good = float64(goods.Load()) / during.Seconds()
	cancel()
	<-ended
	return good, int(refusals.Load()), log.stored
}

// Guarantee 23: at five times of what the log stores, senders get at least four fifths of the answers that they get at its best, and
// what is refused never comes to the log.
func TestSendStorm(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		peak, refused, _ := storm(t, message.DefaultConfig(), 1_000)
		assert.True(t, fmt.Sprintf("at its best it answers %.0f a second, refusing %d", peak, refused), peak > 950 && refused == 0)
		good, refused, stored := storm(t, message.DefaultConfig(), 5_000)
		t.Logf("peak %.0f/s, at five times %.0f/s with %d refused", peak, good, refused)
		assert.True(t, fmt.Sprintf("%.0f good answers a second of %.0f", good, peak), good >= 0.8*peak)
		assert.True(t, "most are refused", refused > 200_000)
		assert.True(t, fmt.Sprintf("the log saw %d, what it can store in a minute and what waited", stored), stored < 67_000)

		endless := message.DefaultConfig()
		endless.QueueDrafts, endless.QueueBytes, endless.QueueWait = 1<<30, 1<<40, time.Hour
		good, _, _ = storm(t, endless, 5_000)
		assert.True(t, fmt.Sprintf("without bounds %.0f good answers a second: the test can fail", good), good < 0.5*peak)
	})
}

var stormTime = flag.Duration("storm", 3*time.Second, "how long each part of BenchmarkSendStorm lasts")

// paced is a log that takes its time: the load and the log share the cores, and a log as fast as memory leaves none for five times as
// many senders.
type paced struct {
	message.Log
	each time.Duration

	// owned by the one appender
	free time.Time // when it has done what it was given
}

func (p *paced) Append(ctx context.Context, drafts []*chat.Draft) (message.Applied, error) {
	a, err := p.Log.Append(ctx, drafts)
	now := time.Now()
	if p.free.Before(now.Add(-time.Second)) {
		p.free = now
	}
	p.free = p.free.Add(time.Duration(len(drafts)) * p.each)
	<-time.After(p.free.Sub(now))
	return a, err
}

// BenchmarkSendStorm shows guarantee 23 on the real engine and disk, held to 20,000 drafts a second: senders that wait for their answers
// give the peak, five times as many offered a second the goodput.
func BenchmarkSendStorm(b *testing.B) {
	store, err := pebble.Open(b.TempDir(), pebble.Options{})
	assert.NoError(b, "opening", err)
	log := &paced{Log: store, each: 50 * time.Microsecond}
	s := message.New(message.DefaultConfig(), log, store, prometheus.NewRegistry(), slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = s.Run(ctx) }() // ends with cancel
	defer func() {
		cancel()
		<-ended
		assert.NoError(b, "closing", store.Close())
	}()
	const rooms = 1_000
	for i := range rooms {
		d := founded(owner)
		d.Conversation = chat.ConversationID(i + 1)
		_, err := s.Append(ctx, d)
		assert.NoError(b, "making a conversation", err)
	}
	var number atomic.Uint64
	next := func() *chat.Draft {
		n := number.Add(1)
		d := text(owner, 0, "as long as a message is, give or take some words that people write to each other")
		d.Conversation = chat.ConversationID(n%rooms + 1)
		binary.BigEndian.PutUint64(d.ClientID[:], n)
		return d
	}
	for b.Loop() {
		peak := closedLoop(s, next, *stormTime)
		good, refused := openLoop(s, next, 5*peak, *stormTime)
		b.ReportMetric(peak, "peak/s")
		b.ReportMetric(good, "good/s")
		b.ReportMetric(good/peak, "good/peak")
		b.ReportMetric(refused, "refused/s")
	}
}

// closedLoop has a thousand senders wait for each answer and returns the answers a second.
func closedLoop(s *message.Service, next func() *chat.Draft, d time.Duration) float64 {
	const senders = 1_000
	var good atomic.Int64
	done := make(chan struct{}, senders)
	end := time.Now().Add(d)
	var step func(chat.Result)
	step = func(r chat.Result) {
		if r.Err == nil {
			good.Add(1)
		}
		if time.Now().After(end) {
			done <- struct{}{}
			return
		}
		s.Submit(next(), step)
	}
	for range senders {
		s.Submit(next(), step)
	}
	for range senders {
		<-done
	}
	return float64(good.Load()) / d.Seconds()
}

// openLoop offers drafts at a rate, whatever is answered.
func openLoop(s *message.Service, next func() *chat.Draft, rate float64, d time.Duration) (good, refused float64) {
	var goods, refusals, open atomic.Int64
	done := func(r chat.Result) {
		if r.Err == nil {
			goods.Add(1)
		} else {
			refusals.Add(1)
		}
		open.Add(-1)
	}
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	begin := time.Now()
	for sent := 0.0; time.Since(begin) < d; {
		<-tick.C
		for ; sent < rate*min(time.Since(begin), d).Seconds(); sent++ {
			open.Add(1)
			s.Submit(next(), done)
		}
	}
	took := time.Since(begin).Seconds()
	good, refused = float64(goods.Load())/took, float64(refusals.Load())/took
	for open.Load() > 0 {
		<-tick.C
	}
	return good, refused
}
