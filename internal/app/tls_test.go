package app_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"github.com/throng-im/throng/internal/assert"
)

// TLS that ends in the process carries the API, over HTTP/1.1 and HTTP/2, and sessions; who does not finish its handshake is cut off (T21).
func TestTLS(t *testing.T) {
	t.Parallel()
	cfg := settings(t)
	dir := t.TempDir()
	cfg.Server.TLS.Cert, cfg.Server.TLS.Key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	cfg.Server.ReadHeaderTimeout = time.Second
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	assert.NoError(t, "key", err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	assert.NoError(t, "certificate", err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	assert.NoError(t, "key", err)
	assert.NoError(t, "write", os.WriteFile(cfg.Server.TLS.Cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	assert.NoError(t, "write", os.WriteFile(cfg.Server.TLS.Key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600))
	s := begin(t, cfg)
	pool := x509.NewCertPool()
	assert.True(t, "pool", pool.AppendCertsFromPEM(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	trust := &tls.Config{RootCAs: pool}

	for _, two := range []bool{false, true} {
		transport := &http.Transport{TLSClientConfig: trust.Clone(), ForceAttemptHTTP2: two}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL()+"/readyz", nil)
		assert.NoError(t, "request", err)
		resp, err := transport.RoundTrip(req)
		assert.NoError(t, "ready", err)
		assert.Equal(t, "status", resp.StatusCode, http.StatusOK)
		assert.Equal(t, "HTTP/2", resp.ProtoMajor == 2, two)
		assert.NoError(t, "body", resp.Body.Close())
		transport.CloseIdleConnections()
	}

	d := ws.Dialer{Protocols: []string{"throng.v1.json"}, TLSConfig: trust}
	c, _, _, err := d.Dial(t.Context(), strings.Replace(s.URL(), "https", "wss", 1)+"/v1/session")
	assert.NoError(t, "session", err)
	_, err = c.Write(ws.MustCompileFrame(ws.MaskFrame(ws.NewTextFrame([]byte(`{"envelopes":[{"id":"1","authenticate":{"token":"none"}}]}`)))))
	assert.NoError(t, "write", err)
	h, err := ws.ReadHeader(c)
	assert.NoError(t, "read", err)
	payload := make([]byte, min(h.Length, 1<<16))
	_, err = io.ReadFull(c, payload)
	assert.NoError(t, "read", err)
	assert.True(t, "the token is refused, by the session", bytes.Contains(payload, []byte("token_invalid")))
	assert.NoError(t, "close", c.Close())

	silent, err := net.Dial("tcp", strings.TrimPrefix(s.URL(), "https://"))
	assert.NoError(t, "dial", err)
	_, err = silent.Write([]byte{0x16, 0x03, 0x01})
	assert.NoError(t, "half a handshake", err)
	begin := time.Now()
	_ = silent.SetReadDeadline(begin.Add(10 * time.Second))
	_, err = io.ReadAll(silent)
	assert.NoError(t, "it ends", err)
	assert.True(t, "in time", time.Since(begin) < 5*time.Second)
	assert.NoError(t, "close", silent.Close())
}
