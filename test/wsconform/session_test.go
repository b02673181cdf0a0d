package wsconform_test

import (
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/test/process"
	"github.com/throng-im/throng/test/wsconform"
)

// TestSession asks the real server what makes sense without an echo, in the clear and over TLS that ends in the process: handshakes,
// framing, limits, close frames (S-1 to S-3, S-23, S-24, S-27, S-32, CLOSE-2, CLOSE-5; security nos. 1, 2, 6 to 8, 10, 11, 14 to 22).
func TestSession(t *testing.T) {
	var b process.Builder
	binary, err := b.Binary(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = b.Remove() }()
	for _, tt := range []struct {
		name    string
		tls     bool
		netHTTP bool // reads the handshakes
	}{
		{"plain", false, runtime.GOOS != "linux"},
		{"tls", true, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var env []string
			if tt.tls {
				cert, key := pair(t)
				env = append(env, "THRONG_SERVER_TLS_CERT="+cert, "THRONG_SERVER_TLS_KEY="+key)
			}
			s := process.New(binary, t.TempDir(), env...)
			if _, err := s.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := s.Stop(); err != nil {
					t.Error(err)
				}
			}()
			url, err := s.URL(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			_, address, _ := strings.Cut(url, "://")
			judge(t, &wsconform.Target{
				Address: address, Path: "/v1/session", Text: "throng.v1.json", Binary: "throng.v1.proto", TLS: tt.tls,
				Origins: true, Limit: chat.MaxFirstFrameBytes, Head: 16 << 10, Headers: 100,
			}, 360, netHTTP(tt.netHTTP, early, earlier)...)
		})
	}
}

// pair is a certificate and its key, in files.
func pair(t *testing.T) (cert, key string) {
	t.Helper()
	c := certificates()[0]
	der, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for name, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: c.Certificate[0]}, key: {Type: "PRIVATE KEY", Bytes: der}} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}
