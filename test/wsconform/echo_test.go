package wsconform_test

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net/http/httptest"
	"runtime"
	"testing"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/websocket"
	"github.com/throng-im/throng/test/wsconform"
	"github.com/throng-im/throng/test/wsecho/echo"
)

// TestEcho asks the gateway's connection code, with an echo behind it, over everything that carries it (S-22 to S-24, S-27): sockets that
// the loops read, and goroutines on sockets and on TLS.
func TestEcho(t *testing.T) {
	// net/http lets a head have 4 KiB more than it was told.
	const slack = 4 << 10
	for _, carrier := range []struct {
		name    string
		options echo.Options
		target  wsconform.Target
		netHTTP bool
	}{
		{"loops", echo.Options{}, wsconform.Target{Head: websocket.MaxHead}, runtime.GOOS != "linux"},
		{"streams", echo.Options{Streams: true}, wsconform.Target{Head: websocket.MaxHead + slack}, true},
		{"tls", echo.Options{TLS: &tls.Config{Certificates: certificates(), MinVersion: tls.VersionTLS12}}, wsconform.Target{Head: websocket.MaxHead + slack, TLS: true}, true},
	} {
		t.Run(carrier.name, func(t *testing.T) {
			o := carrier.options
			o.Address, o.Largest, o.Logger = "127.0.0.1:0", chat.MaxFrameBytes, slog.New(slog.DiscardHandler)
			e, err := echo.Listen(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			ctx, stop := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() { done <- e.Run(ctx) }()
			defer func() {
				stop()
				if err := <-done; err != nil {
					t.Error(err)
				}
			}()
			target := carrier.target
			target.Address, target.Path, target.Echo = e.Address(), "/", true
			target.Limit, target.Headers = chat.MaxFrameBytes, websocket.MaxHeaders
			judge(t, &target, 460, netHTTP(carrier.netHTTP, early, earlier)...)
		})
	}
}

// certificates are those that httptest makes for tests.
func certificates() []tls.Certificate {
	s := httptest.NewTLSServer(nil)
	defer s.Close()
	return s.TLS.Certificates
}
