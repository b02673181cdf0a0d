package app_test

import (
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
