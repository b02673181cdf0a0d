package app_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/throng-im/throng/internal/app"
	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/config"
)

// Guarantee of T21: nobody keeps a connection by taking nothing. Without a bound of its own a connection of HTTP/2 waits for its
// peer for ever, whatever the deadlines of its requests; with one it went after the idle time (measured: 75 s).
func TestEveryWayOfTheDoorHasAnEnd(t *testing.T) {
	t.Parallel()
	s := app.NewHTTPServer(config.Default().Server)
	assert.True(t, "headers", s.ReadHeaderTimeout > 0 && s.ReadHeaderTimeout <= 10*time.Second)
	assert.True(t, "idle connections", s.IdleTimeout > 0 && s.IdleTimeout <= 2*time.Minute)
	assert.True(t, "connections of HTTP/2 that take nothing", s.HTTP2 != nil && s.HTTP2.WriteByteTimeout > 0 && s.HTTP2.WriteByteTimeout <= time.Minute)
}

// A request that outlasts the drain ends with the server: nobody is served by one whose log is closed.
func TestARequestThatOutlastsTheDrain(t *testing.T) {
	t.Parallel()
	cfg := settings(t)
	cfg.Server.DrainTimeout = 300 * time.Millisecond
	s := begin(t, cfg)
	address := strings.TrimPrefix(s.URL(), "http://")
	var d net.Dialer
	c, err := d.DialContext(t.Context(), "tcp", address)
	assert.NoError(t, "dial", err)
	defer func() { _ = c.Close() }()
	_, err = fmt.Fprintf(c, "POST /throng.v1.AccountService/SignUp HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\n"+
		"Expect: 100-continue\r\nContent-Length: 1000\r\n\r\n", address)
	assert.NoError(t, "write", err)
	_, err = c.Read(make([]byte, 1)) // it waits for the body
	assert.NoError(t, "read", err)
	_ = s.end()
	assert.NoError(t, "deadline", c.SetReadDeadline(time.Now().Add(10*time.Second)))
	for err == nil {
		_, err = c.Read(make([]byte, 100))
	}
	assert.True(t, "the connection was closed", !errors.Is(err, os.ErrDeadlineExceeded))
}
