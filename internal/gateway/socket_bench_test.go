//go:build unix

package gateway_test

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/gateway"
	"github.com/throng-im/throng/internal/store/local"
	"github.com/throng-im/throng/internal/wire"
)

// hidden is a connection whose socket the gateway cannot see: everything goes by a writer goroutine.
type hidden struct{ net.Conn }

// BenchmarkSockets is the processor time of both ends per delivery over loopback, to groups of 10 of 100 users: written by the
// loop itself ("direct"), or by a writer goroutine per connection.
func BenchmarkSockets(b *testing.B) {
	for _, bc := range []struct {
		name string
		wrap func(net.Conn) gateway.Transport
	}{
		{"direct", gateway.NewTransport},
		{"writer", func(c net.Conn) gateway.Transport { return gateway.NewTransport(hidden{c}) }},
	} {
		b.Run(bc.name, func(b *testing.B) { benchmarkSockets(b, bc.wrap) })
	}
}

func benchmarkSockets(b *testing.B, wrap func(net.Conn) gateway.Transport) {
	back := newBackend()
	srv, err := gateway.New(gateway.Default(), back.deps(local.NewRoutes("n1")))
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	done := make(chan struct{})
	go func() { defer close(done); _ = srv.Run(ctx) }()
	defer func() { cancel(); <-done }()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	const users = 100
	var got, reads atomic.Int64
	var ready sync.WaitGroup
	for i := range users {
		ready.Add(1)
		c, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			b.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		server, err := ln.Accept()
		if err != nil {
			b.Fatal(err)
		}
		if err := srv.Open(wrap(server), gateway.Hello{Subprotocol: wire.Proto}); err != nil {
			b.Fatal(err)
		}
		if _, err := c.Write(frameOf(authenticate(tokenOf(i + 1)))); err != nil {
			b.Fatal(err)
		}
		go func() { // ends with the connection
			buf := make([]byte, 32<<10)
			first := true
			for {
				n, err := c.Read(buf)
				if err != nil {
					return
				}
				if first {
					first = false
					ready.Done()
					continue
				}
				got.Add(int64(n))
				reads.Add(1)
			}
		}()
	}
	ready.Wait()
	words := string(make([]byte, 200))
	b.ResetTimer()
	before := cpu()
	pace := time.NewTicker(100 * time.Microsecond) // 10,000 messages a second, 100,000 deliveries
	defer pace.Stop()
	for i := range b.N / 10 {
		<-pace.C
		var members []chat.UserID
		for k := range 10 {
			members = append(members, chat.UserID((i+k*7)%users+1))
		}
		if err := srv.Receive(ctx, entry(chat.ConversationID(i%users+1), chat.Seq(i+1), 1000, words, members...)); err != nil {
			b.Fatal(err)
		}
	}
	want := int64(b.N/10) * 10
	for got.Load() < want*200 {
		<-pace.C
	}
	b.ReportMetric(float64(cpu()-before)/float64(want), "cpu-ns/delivery")
	b.ReportMetric(float64(want)/float64(reads.Load()), "deliveries/read")
}

// cpu is the processor time of this process.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
