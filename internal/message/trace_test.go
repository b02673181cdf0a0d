package message_test

import (
	"context"
	"log/slog"
	"testing"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/message"
	"github.com/throng-im/throng/internal/trace"
)

// instant is a log that stores nothing and takes no time.
type instant struct {
	message.Log

	seq chat.Seq // of the appender
}

func (l *instant) Append(_ context.Context, drafts []*chat.Draft) (message.Applied, error) {
	out := make(stored, len(drafts))
	for i := range out {
		l.seq++
		out[i] = chat.Result{Seq: l.seq}
	}
	return out, nil
}

// stored is an append of it.
type stored []chat.Result

func (s stored) Results() []chat.Result   { return s }
func (stored) Wait(context.Context) error { return nil }

// appending runs a service on an instant log until the test ends.
func appending(tb testing.TB, tr *trace.Tracer) *message.Service {
	tb.Helper()
	s := message.New(message.DefaultConfig(), &instant{}, nil, nil, slog.New(slog.DiscardHandler), message.WithTrace(tr))
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	tb.Cleanup(func() { stop(); assert.NoError(tb, "running", <-ended) })
	return s
}

func oneText() *chat.Draft {
	d := text(owner, 1, "hello")
	d.Conversation = 7
	return d
}

// TestAppendsAreTraced: what became of a draft is noted with its caller, and what is no trace context is not.
func TestAppendsAreTraced(t *testing.T) {
	t.Parallel()
	tr := trace.New(trace.Default(), trace.Deps{})
	s := appending(t, tr)
	const caller = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	for i, c := range []string{"", caller, "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-\x1b["} {
		d := oneText()
		d.Caller = c
		r, err := s.Append(t.Context(), d)
		assert.NoError(t, "append", err)
		steps := tr.Find(7, uint64(r.Seq))
		assert.Equal(t, "steps", len(steps), 1)
		got := steps[0]
		assert.Equal(t, "kind", got.Kind, trace.Append)
		assert.Equal(t, "sender", got.User, uint64(owner))
		assert.Equal(t, "drafts in one append", got.Counts[0], uint32(1))
		assert.Equal(t, "caller", got.Caller, map[int]string{1: caller}[i])
		assert.True(t, "it has begun and took a while", got.Start > 0 && got.Took > 0)
	}
	mark := oneText()
	mark.Body, mark.Mark, mark.ClientID = nil, 1, chat.ClientID{}
	r, err := s.Append(t.Context(), mark)
	assert.NoError(t, "mark", err)
	assert.Equal(t, "steps of a read position", len(tr.Find(7, uint64(r.Seq))), 0)
}

// TestTracingAppendsAllocatesNothing compares an append without and with tracing.
func TestTracingAppendsAllocatesNothing(t *testing.T) {
	count := func(tr *trace.Tracer) float64 {
		s, d := appending(t, tr), oneText()
		one := func() {
			_, err := s.Append(t.Context(), d)
			assert.NoError(t, "append", err)
		}
		for range 20_000 { // the ring has grown
			one()
		}
		return testing.AllocsPerRun(500, one)
	}
	cfg := trace.Default()
	cfg.RecentBytes = 1 << 20
	assert.Equal(t, "allocations with tracing", count(trace.New(cfg, trace.Deps{})), count(nil))
}

func BenchmarkAppend(b *testing.B) {
	for name, tr := range map[string]*trace.Tracer{"off": nil, "recent": trace.New(trace.Default(), trace.Deps{})} {
		b.Run(name, func(b *testing.B) {
			s, done := appending(b, tr), make(chan struct{}, 1_024)
			answered := func(chat.Result) { <-done }
			b.ReportAllocs()
			for range b.N { // so many are on their way
				done <- struct{}{}
				s.Submit(oneText(), answered)
			}
			for range cap(done) {
				done <- struct{}{}
			}
		})
	}
}
