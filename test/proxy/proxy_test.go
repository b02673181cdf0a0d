package proxy_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/test/proxy"
)

// soon is when something must have come, and never how long is waited for what must not come.
const soon, never = 10 * time.Second, 100 * time.Millisecond

// server answers each byte with itself. What it says of its connections' ends comes through ended: io.EOF, or an error.
type server struct {
	address string
	ended   chan error
}

func serve(t *testing.T) server {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	assert.NoError(t, "listening", err)
	s := server{l.Addr().String(), make(chan error, 100)}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			running.Go(func() {
				defer func() { _ = conn.Close() }()
				buf := make([]byte, 1<<10)
				for {
					n, err := conn.Read(buf)
					if err != nil {
						s.ended <- err
						return
					}
					_, _ = conn.Write(buf[:n])
				}
			})
		}
	})
	t.Cleanup(func() { _ = l.Close(); running.Wait() }) // behind the proxy's own end
	return s
}

func dial(t *testing.T, p *proxy.Proxy) net.Conn {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", p.Address())
	assert.NoError(t, "dialling", err)
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// ask writes bytes and reads as many back, within a time.
func ask(conn net.Conn, b []byte, limit time.Duration) ([]byte, error) {
	if err := conn.SetDeadline(time.Now().Add(limit)); err != nil {
		return nil, err
	}
	wrote := make(chan error, 1)
	go func() { // ends by the deadline
		_, err := conn.Write(b)
		wrote <- err
	}()
	got := make([]byte, len(b))
	n, err := io.ReadFull(conn, got)
	return got[:n], errors.Join(err, <-wrote)
}

func echoed(t *testing.T, conn net.Conn, b []byte) time.Duration {
	t.Helper()
	begin := time.Now()
	got, err := ask(conn, b, soon)
	assert.NoError(t, "asking", err)
	assert.True(t, "the answer is what was asked", bytes.Equal(got, b))
	return time.Since(begin)
}

func silent(t *testing.T, conn net.Conn) {
	t.Helper()
	got, err := ask(conn, []byte("anybody?"), never)
	assert.True(t, "nothing comes", len(got) == 0 && errors.Is(err, os.ErrDeadlineExceeded))
}

func TestFaultsOfBytes(t *testing.T) {
	t.Parallel()
	text := bytes.Repeat([]byte("0123456789"), 200)
	p := proxy.New(t, serve(t).address)
	conn := dial(t, p)
	echoed(t, conn, text)
	p.Set(proxy.Faults{Delay: 20 * time.Millisecond, Jitter: 10 * time.Millisecond})
	assert.True(t, "it takes as long as it is delayed, twice", echoed(t, conn, text) >= 40*time.Millisecond)
	p.Set(proxy.Faults{Rate: 20_000})
	assert.True(t, "it takes as long as the rate has it", echoed(t, conn, text) >= 90*time.Millisecond)
	p.Set(proxy.Faults{Slice: 3})
	echoed(t, conn, text)
	for _, f := range []proxy.Faults{{HoldRequests: true}, {HoldReplies: true}, {HoldRequests: true, HoldReplies: true}} {
		p.Set(f)
		silent(t, conn)
		p.Set(proxy.Faults{})
		got := make([]byte, len("anybody?"))
		assert.NoError(t, "deadline", conn.SetDeadline(time.Now().Add(soon)))
		_, err := io.ReadFull(conn, got)
		assert.NoError(t, "reading what was held", err)
		assert.Equal(t, "what was held", string(got), "anybody?")
	}
	assert.Equal(t, "connections", p.Connections(), 1)
}

func TestCutsWithinReplies(t *testing.T) {
	t.Parallel()
	p := proxy.New(t, serve(t).address)
	p.Set(proxy.Faults{Cut: 100})
	text := bytes.Repeat([]byte("x"), 100)
	lengths := map[int]bool{}
	for range 20 {
		got, err := ask(dial(t, p), text, soon)
		assert.True(t, "it is cut within the reply", len(got) < 100 && err != nil && !errors.Is(err, os.ErrDeadlineExceeded))
		lengths[len(got)] = true
	}
	assert.True(t, "at different places", len(lengths) > 3)
	p.Set(proxy.Faults{})
	echoed(t, dial(t, p), text)
}

func TestEndsOfConnections(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		sever          func(p *proxy.Proxy)
		client, server bool // hears of it
	}{
		"reset":    {(*proxy.Proxy).Reset, true, true},
		"vanished": {(*proxy.Proxy).Vanish, false, true},
		"orphaned": {(*proxy.Proxy).Orphan, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t)
			p := proxy.New(t, s.address)
			conn := dial(t, p)
			echoed(t, conn, []byte("hello"))
			tc.sever(p)
			if tc.client {
				_, err := ask(conn, []byte("hello"), soon)
				assert.True(t, "the client was told", err != nil && !errors.Is(err, os.ErrDeadlineExceeded))
			} else {
				silent(t, conn)
			}
			if tc.server {
				assert.True(t, "the server was told", errors.Is(<-s.ended, syscall.ECONNRESET))
			} else {
				assert.Equal(t, "what the server was told", len(s.ended), 0)
			}
			assert.Equal(t, "connections", p.Connections(), 0)
			echoed(t, dial(t, p), []byte("a new one works"))
		})
	}
}

func TestLeadsElsewhere(t *testing.T) {
	t.Parallel()
	first, second := serve(t), serve(t)
	p := proxy.New(t, "")
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", p.Address())
	if err == nil { // it may have been reset already
		_, err = ask(conn, []byte("hello"), soon)
		_ = conn.Close()
	}
	assert.True(t, "it leads nowhere", err != nil)
	p.To(first.address)
	conn = dial(t, p)
	echoed(t, conn, []byte("hello"))
	p.To(second.address)
	_, err = ask(conn, []byte("hello"), soon)
	assert.True(t, "what led to the first is reset", err != nil)
	conn = dial(t, p)
	echoed(t, conn, []byte("hello"))
	_ = conn.Close()
	assert.Equal(t, "an end that the client makes", <-second.ended, io.EOF)
}
