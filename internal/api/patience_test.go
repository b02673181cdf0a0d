package api_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/throng-im/throng/internal/account"
	"github.com/throng-im/throng/internal/api"
	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
)

// impatient serves a world's API on a real socket; a request may take a second there.
func impatient(t *testing.T, w *world, change func(*api.Deps)) *httptest.Server {
	t.Helper()
	cfg, deps := api.Default(), w.deps
	cfg.RequestTimeout = time.Second
	change(&deps)
	h, err := api.New(cfg, deps)
	assert.NoError(t, "making the API", err)
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return srv
}

// Guarantee of T21: whatever a request is refused for, its body is not waited for without an end.
func TestBodyThatNeverComes(t *testing.T) {
	t.Parallel()
	srv := impatient(t, newWorld(t), func(*api.Deps) {})
	for name, head := range map[string]string{
		"no such route":    "POST /nowhere HTTP/1.1\r\n",
		"health":           "POST /healthz HTTP/1.1\r\n",
		"page":             "GET / HTTP/1.1\r\n",
		"session":          "GET /v1/session HTTP/1.1\r\n",
		"foreign page":     "POST /throng.v1.AccountService/SignIn HTTP/1.1\r\nOrigin: https://evil.example\r\n",
		"too many headers": "POST / HTTP/1.1\r\n" + strings.Repeat("A: b\r\n", 150),
		"not signed in":    "POST /throng.v1.AccountService/ExportData HTTP/1.1\r\nContent-Type: application/connect+json\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var d net.Dialer
			conn, err := d.DialContext(t.Context(), "tcp", srv.Listener.Addr().String())
			assert.NoError(t, "dialling", err)
			defer conn.Close() //nolint:errcheck // the test is over
			assert.NoError(t, "bounding the test", conn.SetDeadline(time.Now().Add(20*time.Second)))
			_, err = fmt.Fprintf(conn, "%sHost: x\r\nContent-Length: 100\r\n\r\n", head)
			assert.NoError(t, "writing", err)
			_, err = io.ReadAll(conn)
			assert.NoError(t, "reading until the server closes", err)
		})
	}
}

// slowUsers answers exports late.
type slowUsers struct {
	api.Users

	late time.Duration
}

func (u slowUsers) Export(ctx context.Context, user chat.UserID) ([]account.Record, error) {
	select {
	case <-time.After(u.late):
		return u.Users.Export(ctx, user)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// An export has its own time: it is not cut off when another request would be.
func TestExportOutlastsRequests(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.person(t, false)
	srv := impatient(t, w, func(d *api.Deps) { d.Users = slowUsers{d.Users, 2500 * time.Millisecond} })
	message := []byte(`{}`)
	body := binary.BigEndian.AppendUint32([]byte{0}, uint32(len(message)))
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, srv.URL+"/throng.v1.AccountService/ExportData", bytes.NewReader(append(body, message...)))
	assert.NoError(t, "making a request", err)
	r.Header.Set("Content-Type", "application/connect+json")
	bearer(p.token)(r)
	res, err := srv.Client().Do(r)
	assert.NoError(t, "asking", err)
	defer res.Body.Close() //nolint:errcheck // the test is over
	got, err := io.ReadAll(res.Body)
	assert.NoError(t, "reading", err)
	assert.True(t, "the account is in the export: "+string(got), strings.Contains(string(got), p.handle))
}

// heldUsers answers one user's export only once it is let go.
type heldUsers struct {
	api.Users

	held           chat.UserID
	asked, letThem chan struct{}
}

func (u heldUsers) Export(ctx context.Context, user chat.UserID) ([]account.Record, error) {
	if user == u.held {
		close(u.asked)
		<-u.letThem
	}
	return u.Users.Export(ctx, user)
}

// A user has one export at a time, so that the other place stays for others.
func TestOneExportPerUser(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p, other := w.person(t, false), w.person(t, false)
	held := heldUsers{w.deps.Users, p.id, make(chan struct{}), make(chan struct{})}
	deps := w.deps
	deps.Users = held
	h, err := api.New(api.Default(), deps)
	assert.NoError(t, "making the API", err)
	w.handler = h
	first := make(chan string, 1)
	go func() {
		a, _ := w.streamed(t, bearer(p.token))
		first <- a.reason()
	}()
	<-held.asked
	second, _ := w.streamed(t, bearer(p.token))
	assert.Equal(t, "the second of the same user", second.reason(), "rate_limited")
	others, _ := w.streamed(t, bearer(other.token))
	assert.Equal(t, "another user's", others.reason(), "ok")
	close(held.letThem)
	assert.Equal(t, "the first", <-first, "ok")
}
