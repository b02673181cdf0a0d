package certificate_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/certificate"
)

// write makes a self-signed certificate and puts it into the two files.
func write(t *testing.T, cert, key string, serial int64) (der []byte) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	assert.NoError(t, "key", err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "chat.test"}, DNSNames: []string{"chat.test"},
		NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<33, 0),
	}
	der, err = x509.CreateCertificate(rand.Reader, template, template, k.Public(), k)
	assert.NoError(t, "certificate", err)
	private, err := x509.MarshalPKCS8PrivateKey(k)
	assert.NoError(t, "key", err)
	assert.NoError(t, "write", os.WriteFile(cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	assert.NoError(t, "write", os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600))
	return der
}

// A renewed certificate is served without a restart; broken files leave the last good one in use.
func TestFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	_, err := certificate.OpenFiles(cert, key, slog.New(slog.DiscardHandler))
	assert.True(t, "no files are an error", err != nil)
	first := write(t, cert, key, 1)
	synctest.Test(t, func(t *testing.T) {
		f, err := certificate.OpenFiles(cert, key, slog.New(slog.DiscardHandler))
		assert.NoError(t, "open", err)
		served := func() []byte {
			c, err := f.Config().GetCertificate(&tls.ClientHelloInfo{})
			assert.NoError(t, "certificate", err)
			return c.Certificate[0]
		}
		assert.True(t, "the first", bytes.Equal(served(), first))
		second := write(t, cert, key, 2)
		later := time.Now().Add(time.Hour)
		assert.NoError(t, "stamp", os.Chtimes(cert, later, later))
		assert.True(t, "the first within the minute", bytes.Equal(served(), first))
		<-time.After(time.Minute)
		assert.True(t, "the second", bytes.Equal(served(), second))
		assert.NoError(t, "break", os.WriteFile(key, []byte("no key"), 0o600))
		<-time.After(time.Minute)
		assert.True(t, "the second, while the files are broken", bytes.Equal(served(), second))
		assert.NoError(t, "remove", os.Remove(cert))
		<-time.After(time.Minute)
		assert.True(t, "the second, while there are none", bytes.Equal(served(), second))
	})
}
