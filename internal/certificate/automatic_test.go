package certificate_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/certificate"
)

// A server asks for its certificate, proves on its own port that it is the domain's, and serves what it got; the next start finds it in
// the folder.
func TestAutomatic(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	var authority *authority
	for range 2 {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		assert.NoError(t, "listen", err)
		if authority == nil {
			authority = newAuthority(t, ln.Addr().String())
		}
		port := ln.Addr().(*net.TCPAddr).Port //nolint:errcheck // of TCP
		a := certificate.NewAutomatic(certificate.Options{
			Domains: []string{"chat.test"}, Directory: authority.URL + "/directory", Folder: folder, Port: port, Roots: authority.roots(),
			Patience: 20 * time.Second, Logger: slog.New(slog.NewTextHandler(t.Output(), nil)),
		})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 2)
		go func() { ended <- a.Run(ctx) }()
		go func() { ended <- greet(ln, a.Config()) }()
		pool := x509.NewCertPool()
		pool.AddCert(authority.cert)
		assert.NoError(t, "the domain's certificate", until(ctx, func() error {
			d := &tls.Dialer{Config: &tls.Config{ServerName: "chat.test", RootCAs: pool}}
			c, err := d.DialContext(ctx, "tcp", ln.Addr().String())
			if err != nil {
				return err
			}
			defer func() { _ = c.Close() }()
			_, err = io.ReadAll(c)
			return err
		}))
		cancel()
		assert.NoError(t, "close", ln.Close())
		assert.NoError(t, "end", <-ended)
		assert.NoError(t, "end", <-ended)
		assert.NoError(t, "stop", a.Close())
	}
	assert.Equal(t, "orders", authority.orders, 1)
}

// greet answers callers until the listener is closed.
func greet(ln net.Listener, c *tls.Config) error {
	tl := tls.NewListener(ln, c)
	for {
		conn, err := tl.Accept()
		if err != nil {
			return nil //nolint:nilerr // it was closed
		}
		_, _ = io.WriteString(conn, "hello")
		_ = conn.Close()
	}
}

// until repeats something until it works, for 20 s.
func until(ctx context.Context, works func() error) (err error) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); <-tick.C {
		if err = works(); err == nil || ctx.Err() != nil {
			return err
		}
	}
	return err
}
