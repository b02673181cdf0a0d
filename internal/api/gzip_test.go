package api_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/throng-im/throng/internal/assert"
)

func zipped(t testing.TB, n int64) []byte {
	t.Helper()
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	assert.NoError(t, "compressing", err)
	_, err = io.CopyN(z, spaces{}, n)
	assert.NoError(t, "compressing", err)
	_, err = z.Write([]byte(`{}`))
	assert.NoError(t, "compressing", err)
	assert.NoError(t, "compressing", z.Close())
	return b.Bytes()
}

// spaces are what may stand before JSON, without an end.
type spaces struct{}

func (spaces) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

// Guarantee 59: what a small body unpacks to costs no more than the bound on bodies.
func TestBodyThatUnpacksToTooMuch(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ask := func(body []byte) answer {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/throng.v1.AccountService/Refresh", bytes.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Content-Encoding", "gzip")
		return do(t, w.handler, r)
	}
	assert.Equal(t, "a compressed body below the bound", ask(zipped(t, 1<<20)).reason(), "token_missing")

	bomb := zipped(t, 400<<20)
	assert.True(t, "the bomb itself is below the bound", len(bomb) < 2<<20)
	begun := time.Now()
	z, err := gzip.NewReader(bytes.NewReader(bomb))
	assert.NoError(t, "unpacking", err)
	_, err = io.Copy(io.Discard, z)
	assert.NoError(t, "unpacking", err)
	whole := time.Since(begun)

	begun = time.Now()
	a := ask(bomb)
	took := time.Since(begun)
	assert.Equal(t, "a bomb", a.reason(), "request_too_large")
	assert.True(t, "only its beginning was unpacked: "+took.String()+" of "+whole.String(), took < whole/4)
	assert.True(t, "nothing is logged as a failure", !strings.Contains(w.logs.String(), "request failed"))
}
