package app_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/throng-im/throng/internal/app"
	"github.com/throng-im/throng/internal/assert"
)

func networks(t testing.TB, list ...string) []netip.Prefix {
	t.Helper()
	out := make([]netip.Prefix, 0, len(list))
	for _, text := range list {
		p, err := netip.ParsePrefix(text)
		assert.NoError(t, "network", err)
		out = append(out, p)
	}
	return out
}

const v2 = "\r\n\r\n\x00\r\nQUIT\n"

func TestProxyHeaders(t *testing.T) {
	t.Parallel()
	v4 := "\xcb\x00\x71\x07" + "\x0a\x00\x00\x01" + "\x1f\x90\x00\x50"
	v6 := "\x20\x01\x0d\xb8" + strings.Repeat("\x00", 11) + "\x09" + strings.Repeat("\x00", 16) + "\x1f\x90\x00\x50"
	for _, tc := range []struct{ name, header, want string }{
		{"version 1", "PROXY TCP4 203.0.113.7 10.0.0.1 8080 80\r\n", "203.0.113.7:8080"},
		{"version 1, IPv6", "PROXY TCP6 2001:db8::9 ::1 8080 80\r\n", "[2001:db8::9]:8080"},
		{"version 1, unknown", "PROXY UNKNOWN\r\n", "none"},
		{"version 2", v2 + "\x21\x11\x00\x0c" + v4, "203.0.113.7:8080"},
		{"version 2 with more", v2 + "\x21\x11\x00\x10" + v4 + "more", "203.0.113.7:8080"},
		{"version 2, IPv6", v2 + "\x21\x21\x00\x24" + v6, "[2001:db8::9]:8080"},
		{"version 2, a health check", v2 + "\x20\x00\x00\x00", "none"},
		{"version 2, unix", v2 + "\x21\x31\x00\x02ab", "none"},
		{"plain HTTP", "GET / HTTP/1.1\r\n\r\n", "error"},
		{"POST", "POST / HTTP/1.1\r\n\r\n", "error"},
		{"cut", v2 + "\x21\x11\x00\x0cabc", "error"},
		{"endless", "PROXY " + strings.Repeat("x", 500), "error"},
		{"huge", v2 + "\x21\x11\xff\xff", "error"},
		{"wrong version", v2 + "\x31\x11\x00\x0c" + v4, "error"},
		{"words for addresses", "PROXY TCP4 here there 1 2\r\n", "error"},
		{"nothing", "", "error"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			r := bufio.NewReaderSize(strings.NewReader(tc.header+"GET"), 4<<10)
			addr, err := app.ReadProxyHeader(r)
			got := "none"
			switch {
			case err != nil:
				got = "error"
			case addr != nil:
				got = addr.String()
			}
			assert.Equal(t, "address", got, tc.want)
			if got == "error" {
				return
			}
			rest, err := io.ReadAll(r)
			assert.NoError(t, "rest", err)
			assert.Equal(t, "what follows", string(rest), "GET")
		})
	}
}

func TestProxyProtocolIsBelievedFromTrustedPeersOnly(t *testing.T) {
	t.Parallel()
	for trusted, want := range map[string]string{"127.0.0.0/8": "203.0.113.7", "10.0.0.0/8": "400"} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		assert.NoError(t, "listen", err)
		srv := &http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			host, _, _ := net.SplitHostPort(r.RemoteAddr)
			_, _ = io.WriteString(w, host)
		})}
		var wg sync.WaitGroup
		wg.Go(func() { _ = srv.Serve(app.ProxyListener(l, networks(t, trusted))) })
		silent, err := net.Dial("tcp", l.Addr().String())
		assert.NoError(t, "dial", err)
		c, err := net.Dial("tcp", l.Addr().String())
		assert.NoError(t, "dial", err)
		_, err = io.WriteString(c, "PROXY TCP4 203.0.113.7 10.0.0.1 8080 80\r\nGET / HTTP/1.0\r\n\r\n")
		assert.NoError(t, "write", err)
		answer, err := io.ReadAll(c)
		assert.NoError(t, "read", err)
		if !strings.Contains(string(answer), want) {
			t.Errorf("trusting %s answered %q", trusted, answer)
		}
		assert.NoError(t, "close", errors.Join(c.Close(), silent.Close(), srv.Close()))
		wg.Wait()
	}
}

func TestForwardedAddresses(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, peer, header, want string }{
		{"from a proxy", "10.0.0.1:99", "203.0.113.7", "203.0.113.7:0"},
		{"what the client claims stands in front", "10.0.0.1:99", "1.2.3.4, 203.0.113.7, 10.0.0.2", "203.0.113.7:0"},
		{"IPv6", "10.0.0.1:99", "2001:db8::9", "[2001:db8::9]:0"},
		{"with a port", "10.0.0.1:99", "203.0.113.7:5", "203.0.113.7:0"},
		{"from a stranger", "203.0.113.9:99", "1.2.3.4", "203.0.113.9:99"},
		{"nonsense", "10.0.0.1:99", "unknown", "10.0.0.1:99"},
		{"nothing", "10.0.0.1:99", "", "10.0.0.1:99"},
		{"proxies only", "10.0.0.1:99", "10.0.0.3", "10.0.0.1:99"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got := ""
			h := app.Forwarded(networks(t, "10.0.0.0/8"), http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.RemoteAddr }))
			r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
			r.RemoteAddr = tc.peer
			if tc.header != "" {
				r.Header.Set("X-Forwarded-For", tc.header)
			}
			h.ServeHTTP(httptest.NewRecorder(), r)
			assert.Equal(t, "address", got, tc.want)
		})
	}
}

// diary notes what happens, in order.
type diary struct {
	mu   sync.Mutex
	list []string
}

func (d *diary) note(s string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.list = append(d.list, s)
}

func (d *diary) part(name string, drain bool) app.Part {
	p := app.Part{Name: name, Patience: time.Second, Run: func(ctx context.Context) error {
		<-ctx.Done()
		d.note("end " + name)
		return nil
	}}
	if drain {
		p.Drain = func(context.Context) error { d.note("drain " + name); return nil }
	}
	return p
}

func TestPartsStopInReverse(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var d diary
		ctx, cancel := context.WithCancel(t.Context())
		err := app.RunParts(ctx, []app.Part{d.part("log", false), d.part("gateway", true), d.part("door", true)}, time.Minute, cancel)
		assert.NoError(t, "run", err)
		want := []string{"drain door", "end door", "drain gateway", "end gateway", "end log"}
		assert.True(t, "order "+strings.Join(d.list, ", "), slices.Equal(d.list, want))
	})
}

func TestFirstFailureStopsAll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var d diary
		broken := errors.New("broken")
		for _, end := range []error{broken, nil} {
			d.list = nil
			fails := app.Part{Name: "middle", Patience: time.Second, Run: func(context.Context) error { return end }}
			err := app.RunParts(t.Context(), []app.Part{d.part("log", false), fails, d.part("door", false)}, time.Minute, func() {})
			if err == nil || (end != nil && !errors.Is(err, broken)) || !strings.Contains(err.Error(), "middle ended") {
				t.Errorf("got %v", err)
			}
			assert.True(t, "the others ended", slices.Equal(d.list, []string{"end door", "end log"}))
		}
	})
}

func TestPartsThatHangAreLeftBehind(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var d diary
		ctx, cancel := context.WithCancel(t.Context())
		release := make(chan struct{})
		hangs := app.Part{Name: "stuck", Patience: 3 * time.Second, Run: func(context.Context) error { <-release; return nil }}
		begun := time.Now()
		err := app.RunParts(ctx, []app.Part{d.part("log", false), hangs, hangs, hangs}, 5*time.Second, cancel)
		if err == nil || !strings.Contains(err.Error(), "stuck did not end") {
			t.Errorf("got %v", err)
		}
		assert.True(t, "what is below was stopped", slices.Equal(d.list, []string{"end log"}))
		if took := time.Since(begun); took > 8*time.Second {
			t.Errorf("it took %s", took)
		}
		close(release)
		synctest.Wait()
	})
}

func TestRetentionRemovesContentAndKeepsPlaces(t *testing.T) {
	t.Parallel()
	s := begin(t, settings(t))
	populate(t, s)
	n, err := s.RetainOnce(t.Context(), time.Now().Add(-time.Hour))
	assert.NoError(t, "nothing is old", err)
	assert.Equal(t, "removed", n, 0)
	n, err = s.RetainOnce(t.Context(), time.Now().Add(time.Hour))
	assert.NoError(t, "everything is old", err)
	assert.Equal(t, "removed, besides three that were taken back", n, 61)
	got := exportOf(t, s.cfg)
	assert.Equal(t, "tombstones", strings.Count(got, `"tombstone":"retention"`), 61)
	assert.True(t, "no text stands", !strings.Contains(got, "hello") && !strings.Contains(got, "edited again"))
	assert.NoError(t, "end", s.end())
	checked(t, s.cfg.Data)
	copied := settings(t)
	_, err = importInto(t, copied, head+got, app.Position{})
	assert.NoError(t, "import", err)
	assert.Equal(t, "a copy with tombstones", exportOf(t, copied), got)
}
