package gateway_test

import (
	"context"
	"io"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/cluster"
	"github.com/throng-im/throng/internal/gateway"
	"github.com/throng-im/throng/internal/store/local"
	"github.com/throng-im/throng/internal/trace"
	"github.com/throng-im/throng/internal/wire"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// sink is a transport that takes everything and counts it: what is left is the gateway's own cost.
type sink struct {
	first  []byte
	ready  func() // called with the first write, the answer to authenticate
	once   sync.Once
	bytes  atomic.Int64
	writes atomic.Int64
	closed chan struct{}
	close  sync.Once
}

func newSink(token string, ready func()) *sink {
	return &sink{first: frameOf(authenticate(token)), ready: ready, closed: make(chan struct{})}
}

func (s *sink) Read(p []byte) (int, error) {
	if len(s.first) > 0 {
		n := copy(p, s.first)
		s.first = s.first[n:]
		return n, nil
	}
	<-s.closed
	return 0, io.EOF
}

func (s *sink) TryWrite(p []byte) (int, error) {
	s.bytes.Add(int64(len(p)))
	s.writes.Add(1)
	if s.ready != nil {
		s.once.Do(s.ready)
	}
	return len(p), nil
}

func (s *sink) Write(p []byte) (int, error) { return s.TryWrite(p) }

func (s *sink) Close() error {
	s.close.Do(func() { close(s.closed) })
	return nil
}

// BenchmarkDeliver is the cost of one delivery by user route to groups of 10 of 100 users, with 200-byte texts.
func BenchmarkDeliver(b *testing.B) {
	b.Run("off", func(b *testing.B) { benchmarkDeliver(b, nil) })
	b.Run("traced", func(b *testing.B) { benchmarkDeliver(b, trace.New(trace.Default(), trace.Deps{})) })
}

func benchmarkDeliver(b *testing.B, tr *trace.Tracer) {
	b.Helper()
	deps := newBackend().deps(local.NewRoutes("n1"))
	deps.Trace = tr
	srv, err := gateway.New(gateway.Default(), deps)
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	done := make(chan struct{})
	go func() { defer close(done); _ = srv.Run(ctx) }()
	const users = 100
	var wg sync.WaitGroup
	wg.Add(users)
	sinks := make([]*sink, users)
	for i := range sinks {
		sinks[i] = newSink(tokenOf(i+1), wg.Done)
		if err := srv.Open(sinks[i], gateway.Hello{Subprotocol: wire.Proto}); err != nil {
			b.Fatal(err)
		}
	}
	wg.Wait()
	text := string(make([]byte, 200))
	members := make([][]chat.UserID, users)
	for g := range members {
		for i := range 10 {
			members[g] = append(members[g], chat.UserID((g+i*7)%users+1))
		}
	}
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N / 10 {
		d := &cluster.Delivery{
			Kind: cluster.DeliverEntry, Conversation: chat.ConversationID(i%users + 1), Users: members[i%users],
			Entry: &chat.Entry{Conversation: chat.ConversationID(i%users + 1), Seq: chat.Seq(i + 1), Sender: 1, TimeMS: 1, Body: chat.Text{Text: text}},
			Head:  chat.Head{Tier: chat.TierSmall},
		}
		if err := srv.Receive(ctx, d); err != nil {
			b.Fatal(err)
		}
	}
	want := int64(b.N/10) * 10
	for {
		var got int64
		for _, s := range sinks {
			got += s.bytes.Load()
		}
		if got >= want*200 {
			break
		}
	}
	b.StopTimer()
	var writes int64
	for _, s := range sinks {
		writes += s.writes.Load()
	}
	b.ReportMetric(float64(want)/float64(max(writes, 1)), "deliveries/write")
	cancel()
	<-done
}

func frameOf(envs ...*throngv1.ClientEnvelope) []byte {
	return maskedFrame(mustMarshal(frameWith(envs...)))
}

func frameWith(envs ...*throngv1.ClientEnvelope) *throngv1.ClientFrame {
	return &throngv1.ClientFrame{Envelopes: envs}
}
