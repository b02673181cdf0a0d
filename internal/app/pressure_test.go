package app_test

import (
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/throng-im/throng/internal/app"
	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/pressure"
)

// eventually asks until the answer is yes.
func eventually(t testing.TB, what string, yes func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for late := time.After(10 * time.Second); !yes(); {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("%s: not within ten seconds", what)
		}
	}
}

// An operator sees the level and holds another one; readiness is red while admission is closed and at no level before.
func TestOperatorHoldsALevel(t *testing.T) {
	t.Parallel()
	s := begin(t, settings(t))
	op := operator(t, s.cfg)
	st, err := op.Pressure(t.Context())
	assert.NoError(t, "show", err)
	assert.Equal(t, "an idle server leaves nothing out", st.Level, pressure.Calm)
	for level := pressure.TypingOff; level <= pressure.Highest; level++ {
		st, err = op.ForcePressure(t.Context(), level, 0)
		assert.NoError(t, "hold", err)
		assert.True(t, "it says so, and until when", st.Level == level && st.Forced && time.Until(st.Until) > 59*time.Minute)
		word := "throng_pressure_step{step=\"" + level.String() + "\"} 1"
		eventually(t, word, func() bool { _, text := get(t, s.MetricsURL()); return strings.Contains(text, word) })
		want := http.StatusOK
		if level == pressure.AdmissionClosed {
			want = http.StatusServiceUnavailable
		}
		for _, url := range []string{s.URL() + "/readyz", strings.TrimSuffix(s.MetricsURL(), "/metrics") + "/readyz"} {
			status, _ := get(t, url)
			assert.Equal(t, "readiness at "+level.String(), status, want)
		}
		status, retry := handshake(t, s.URL())
		if level == pressure.AdmissionClosed {
			assert.True(t, "newcomers are told when to come back", status == want && retry == "10")
		} else {
			assert.Equal(t, "a newcomer at "+level.String(), status, http.StatusSwitchingProtocols)
		}
		status, _ = get(t, s.URL()+"/healthz")
		assert.Equal(t, "it lives all the same", status, http.StatusOK)
	}
	st, err = op.ReleasePressure(t.Context())
	assert.NoError(t, "release", err)
	assert.True(t, "nothing is held", st.Level == pressure.Calm && !st.Forced)
	eventually(t, "ready again", func() bool { status, _ := get(t, s.URL()+"/readyz"); return status == http.StatusOK })
	_, err = op.ForcePressure(t.Context(), pressure.TypingOff, 25*time.Hour)
	assert.True(t, "not for longer than a day", err != nil && strings.Contains(err.Error(), "up to 24h"))
}

// handshake opens a session's connection, or is refused.
func handshake(t testing.TB, url string) (status int, retryAfter string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/v1/session", nil)
	assert.NoError(t, "request", err)
	for name, value := range map[string]string{
		"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
		"Sec-WebSocket-Protocol": "throng.v1.proto",
	} {
		r.Header.Set(name, value)
	}
	resp, err := new(http.Client).Do(r)
	assert.NoError(t, "handshake", err)
	assert.NoError(t, "close", resp.Body.Close())
	return resp.StatusCode, resp.Header.Get("Retry-After")
}

// Memory that cannot be freed counts, garbage does not.
func TestMemoryTaken(t *testing.T) {
	m := app.NewMemory(1 << 30)
	before := m()
	assert.True(t, "a test takes some, and less than a gigabyte", before > 0 && before < 0.9)
	held := make([]byte, 300<<20)
	for i := 0; i < len(held); i += 4096 {
		held[i] = 1
	}
	runtime.GC()
	with := m()
	assert.True(t, "what is held shows", with-before > 0.2)
	held[0]++  // alive until here
	held = nil //nolint:ineffassign,wastedassign // or it would be held
	runtime.GC()
	after := m()
	assert.True(t, "what is not held does not", with-after > 0.2) // the race detector keeps its notes on it
}
