package gateway_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/netip"
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

// A drain ends when the connections are gone: who was refused and does not hang up is none, however long it lingers.
func TestDrainDoesNotWaitForCallers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, true, func(c *gateway.Config) { c.Linger = time.Minute })
	for _, sent := range []string{"\x00", "GET /v1/ses", ""} {
		var d net.Dialer
		c, err := d.DialContext(t.Context(), "tcp", strings.TrimPrefix(w.url, "http://"))
		assert.NoError(t, "dial", err)
		t.Cleanup(func() { _ = c.Close() })
		_, err = c.Write([]byte(sent))
		assert.NoError(t, "write", err)
		if sent == "\x00" {
			r, err := http.ReadResponse(bufio.NewReader(c), nil)
			assert.NoError(t, "answer", err)
			assert.Equal(t, "status", r.StatusCode, http.StatusBadRequest)
			_ = r.Body.Close()
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	assert.NoError(t, "drain", w.gateway.Drain(ctx, gateway.Pace{}))
}

// Bounds per address hold for the /64 of an IPv6 address: one customer has 2^64 of them.
func TestAdmissionOfANetwork(t *testing.T) {
	t.Parallel()
	inForum(t, func(c *gateway.Config, _ *gateway.Deps) { c.MaxPerAddress = 2 }, func(h *forum) {
		for i, tc := range []struct {
			address string
			ok      bool
		}{
			{"2001:db8::1", true},
			{"2001:db8::2", true},
			{"2001:db8::ffff:3", false},
			{"2001:db8:0:1::1", true},
			{"203.0.113.1", true},
			{"::ffff:203.0.113.1", true},
			{"203.0.113.1", false},
			{"203.0.113.2", true},
		} {
			h.guests[uint64(i)] = &guest{forum: h, room: -1}
			_, err := h.gateway.OpenMemory(gateway.Hello{Address: tc.address}, h, uint64(i))
			assert.Equal(t, tc.address, err == nil, tc.ok)
		}
	})
}

// Whoever keeps connections to net/http open, idle between two requests, has a share of them, and gets it back with each that ends.
func TestIdleRequestersOfOneAddressHaveAShare(t *testing.T) {
	t.Parallel()
	const share = 3
	change := func(c *gateway.Config) { c.Loops, c.MaxPendingPerAddress = 1, share }
	w := newWorld(t, true, change)
	ask := func(w *world, from string) (net.Conn, *http.Response) {
		t.Helper()
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
		c, err := d.DialContext(t.Context(), "tcp", strings.TrimPrefix(w.url, "http://"))
		assert.NoError(t, "calling", err)
		t.Cleanup(func() { _ = c.Close() })
		assert.NoError(t, "deadline", c.SetDeadline(time.Now().Add(10*time.Second)))
		_, err = c.Write([]byte("GET /elsewhere HTTP/1.1\r\nHost: x\r\n\r\n"))
		assert.NoError(t, "asking", err)
		r, err := http.ReadResponse(bufio.NewReader(c), nil)
		assert.NoError(t, "the answer", err)
		_, err = io.Copy(io.Discard, r.Body)
		assert.NoError(t, "its body", err)
		_ = r.Body.Close()
		return c, r
	}
	var kept []net.Conn
	for range share {
		c, r := ask(w, "127.0.0.2")
		assert.True(t, "a requester within the share", r.StatusCode != http.StatusTooManyRequests && !r.Close)
		kept = append(kept, c)
	}
	_, r := ask(w, "127.0.0.2")
	assert.Equal(t, "one too many", r.StatusCode, http.StatusTooManyRequests)
	assert.Equal(t, "when to come back", r.Header.Get("Retry-After"), "2")
	_, r = ask(w, "127.0.0.3")
	assert.True(t, "of another address", r.StatusCode != http.StatusTooManyRequests)
	_ = kept[0].Close()
	late := time.After(10 * time.Second)
	for again := false; !again; { // net/http notices that it has gone
		select {
		case <-late:
			t.Fatal("the place of one who went is never free")
		default:
		}
		_, r = ask(w, "127.0.0.2")
		again = r.StatusCode != http.StatusTooManyRequests
	}
}

// A proxy's connections are many people's: they have no share.
func TestRequestersBehindACarrier(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "a proxy's connections", gateway.Entered(1, netip.MustParseAddr("::ffff:10.0.0.1"), netip.MustParseAddr("::ffff:10.0.0.1")), 2)
	assert.Equal(t, "a customer's", gateway.Entered(1, netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8::2")), 1)
	assert.Equal(t, "two customers'", gateway.Entered(1, netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8:0:1::2")), 2)
}

// With few descriptors there are fewer places, so that who stays silent has to make room before they are gone.
func TestPlacesOfCallers(t *testing.T) {
	t.Parallel()
	cfg := gateway.Default() // 4,096 and 1,024
	for _, tt := range []struct{ below, loops, most, share int }{
		{0, 2, 2_048, 512},
		{18_000, 2, 2_048, 512},
		{8_192, 1, 4_096, 1_024},
		{6_000, 1, 3_000, 750},
		{800, 2, 200, 50},
	} {
		most, share := gateway.Places(cfg, tt.below, tt.loops)
		assert.Equal(t, "places", [2]int{most, share}, [2]int{tt.most, tt.share})
	}
}
