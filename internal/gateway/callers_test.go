package gateway_test

import (
	"bufio"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/gateway"
)

// Whoever opens connections and stays silent keeps only others of the same address out.
func TestSilentCallersOfOneAddressKeepNobodyElseOut(t *testing.T) {
	t.Parallel()
	const places = 8
	w := newWorld(t, true, func(c *gateway.Config) { c.Loops, c.MaxPending, c.MaxPendingPerAddress = 1, places, places/2 })
	call := func(from string) net.Conn {
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
		c, err := d.DialContext(t.Context(), "tcp", strings.TrimPrefix(w.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		return c
	}
	answer := func(c net.Conn) int {
		r, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		_ = r.Body.Close()
		return r.StatusCode
	}
	var silent []net.Conn
	for range places {
		silent = append(silent, call("127.0.0.5"))
	}
	assert.Equal(t, "one more of them", answer(call("127.0.0.5")), http.StatusServiceUnavailable)
	u, err := url.Parse(w.session())
	if err != nil {
		t.Fatal(err)
	}
	for range places / 2 {
		if _, _, err := (ws.Dialer{Protocols: []string{"throng.v1.proto"}}).Upgrade(call("127.0.0.6"), u); err != nil {
			t.Fatal(err)
		}
	}
	assert.Equal(t, "the one that was silent for longest", answer(silent[0]), http.StatusServiceUnavailable)
}
