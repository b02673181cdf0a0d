package gateway_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/gateway"
	"github.com/throng-im/throng/internal/store/local"
)

// Guarantee 22: who asks how the server does is answered by the loops, also where net/http answers nobody and where nobody is let in.
func TestLoopsAnswerHealthChecks(t *testing.T) {
	t.Parallel()
	cfg := gateway.Default()
	cfg.Loops, cfg.MaxPending = 1, 1
	deps := newBackend().deps(local.NewRoutes("n1"))
	deps.Door = newDoor(t, cfg)
	held := make(chan struct{})
	deps.Door.Health = func(path string) (int, string) {
		switch path {
		case "/busy":
			held <- struct{}{} // it is on the loop
			<-held             // closed
			return 0, ""
		case "/healthz":
			return http.StatusOK, "ok\n"
		case "/readyz":
			return http.StatusServiceUnavailable, "not ready\n"
		default:
			return 0, ""
		}
	}
	defer serveDoor(t, cfg, deps)()
	call := func(head string) net.Conn {
		t.Helper()
		c, err := new(net.Dialer).DialContext(t.Context(), "tcp", deps.Door.Listeners[0].Addr().String())
		assert.NoError(t, "dial", err)
		assert.NoError(t, "deadline", c.SetDeadline(time.Now().Add(20*time.Second)))
		_, err = io.WriteString(c, head)
		assert.NoError(t, "ask", err)
		return c
	}
	answer := func(head string) (status int, header http.Header, text string) {
		t.Helper()
		c := call(head)
		defer func() { _ = c.Close() }()
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		assert.NoError(t, "answer to "+head, err)
		body, err := io.ReadAll(resp.Body)
		assert.NoError(t, "body", err)
		return resp.StatusCode, resp.Header, string(body)
	}
	const host = " HTTP/1.1\r\nHost: a\r\n\r\n"
	for range 3 { // more than may be at the door at once, one after the other
		status, header, text := answer("GET /healthz?x=1" + host)
		assert.Equal(t, "status", status, http.StatusOK)
		assert.Equal(t, "text", text, "ok\n")
		assert.True(t, "headers", header.Get("Cache-Control") == "no-store" && strings.HasPrefix(header.Get("Content-Type"), "text/plain"))
	}
	status, header, _ := answer("GET /readyz" + host)
	assert.True(t, "not ready, and when to ask again", status == http.StatusServiceUnavailable && header.Get("Retry-After") == "1")
	for _, odd := range []string{"GET \r\n\r\n", "GET /healthz\r\n\r\n", "GET ?\r\n\r\n", "GET  \r\n\r\n"} {
		c := call(odd)
		_, _ = io.Copy(io.Discard, c) // an answer of net/http's, or none: the loop goes on
		_ = c.Close()
	}
	status, _, _ = answer("GET /healthz" + host)
	assert.Equal(t, "after odd requests", status, http.StatusOK)

	late := call("GET /v1/ses") // takes its time, and the only place
	defer func() { _ = late.Close() }()
	status, _, _ = answer("GET /v1/session" + host)
	assert.Equal(t, "a caller for whom there is no room", status, http.StatusServiceUnavailable)
	status, _, _ = answer("GET /healthz" + host)
	assert.Equal(t, "a check all the same", status, http.StatusOK)

	busy := call("GET /busy" + host) // the loop finds what comes meanwhile all at once
	defer func() { _ = busy.Close() }()
	<-held
	parts := call("GET /healthz HTTP/1.1\r\nHo") // a check in two packets
	defer func() { _ = parts.Close() }()
	close(held)
	status, _, _ = answer("GET /healthz" + host) // it was taken behind the other
	assert.Equal(t, "a check behind it", status, http.StatusOK)
	_, err := io.WriteString(parts, "st: a\r\n\r\n")
	assert.NoError(t, "ask", err)
	resp, err := http.ReadResponse(bufio.NewReader(parts), nil)
	assert.NoError(t, "answer", err)
	assert.Equal(t, "a check in parts all the same", resp.StatusCode, http.StatusOK)
	assert.NoError(t, "body", resp.Body.Close())
}

// serveDoor runs a gateway that accepts callers by itself until the returned function is called.
func serveDoor(t *testing.T, cfg gateway.Config, deps gateway.Deps) (end func()) {
	t.Helper()
	srv, err := gateway.New(cfg, deps)
	assert.NoError(t, "new", err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- srv.Run(ctx) }() // ends with cancel
	return func() {
		cancel()
		assert.NoError(t, "run", <-ended)
	}
}

// So is who asks a process that has no descriptors left for others. It is not parallel: the numbers of descriptors must be its own.
func TestHealthChecksHaveDescriptors(t *testing.T) { //nolint:paralleltest // see above
	cfg := gateway.Default()
	cfg.Loops = 1
	deps := newBackend().deps(local.NewRoutes("n1"))
	deps.Door = newDoor(t, cfg)
	deps.Door.Health = func(path string) (int, string) {
		if path == "/healthz" {
			return http.StatusOK, "ok\n"
		}
		return 0, ""
	}
	const below = 1_000
	deps.Door.Below = below
	defer serveDoor(t, cfg, deps)()
	fill := func(n uintptr) {
		for {
			f, err := os.Open(os.DevNull)
			assert.NoError(t, "open", err)
			t.Cleanup(func() { _ = f.Close() })
			if f.Fd() >= n {
				return
			}
		}
	}
	call := func(from string) net.Conn {
		t.Helper()
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
		c, err := d.DialContext(t.Context(), "tcp", deps.Door.Listeners[0].Addr().String())
		assert.NoError(t, "dial", err)
		t.Cleanup(func() { _ = c.Close() })
		assert.NoError(t, "deadline", c.SetDeadline(time.Now().Add(20*time.Second)))
		return c
	}
	ask := func(c net.Conn, path string) int {
		t.Helper()
		_, err := io.WriteString(c, "GET "+path+" HTTP/1.1\r\nHost: a\r\n\r\n")
		assert.NoError(t, "ask", err)
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		assert.NoError(t, "answer", err)
		assert.NoError(t, "body", resp.Body.Close())
		return resp.StatusCode
	}
	fill(below - 64)
	assert.Equal(t, "a session", ask(call("127.0.0.1"), "/v1/session"), http.StatusServiceUnavailable)
	for range 40 { // they are silent
		call("127.0.0.5")
	}
	assert.Equal(t, "a check", ask(call("127.0.0.1"), "/healthz"), http.StatusOK)
	fill(below)
	assert.Equal(t, "a check beyond all", ask(call("127.0.0.1"), "/healthz"), http.StatusServiceUnavailable)
}
