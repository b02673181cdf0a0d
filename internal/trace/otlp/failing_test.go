package otlp_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/trace"
	"github.com/throng-im/throng/internal/trace/otlp"
)

// answering is a collector without a network.
type answering func(r *http.Request) (status int, header http.Header, err error)

// RoundTrip implements [http.RoundTripper].
func (a answering) RoundTrip(r *http.Request) (*http.Response, error) {
	status, header, err := a(r)
	if err != nil {
		return nil, err
	}
	return &http.Response{StatusCode: status, Status: http.StatusText(status), Header: header, Body: io.NopCloser(strings.NewReader("")), Request: r}, nil
}

// exporter runs one that calls a collector, until stop.
func exporter(t *testing.T, endpoint string, a answering) (e *otlp.Exporter, reg *prometheus.Registry, said *bytes.Buffer, stop func()) {
	t.Helper()
	reg, said = prometheus.NewRegistry(), new(bytes.Buffer)
	cfg := trace.Default()
	cfg.Endpoint = endpoint
	e, err := otlp.New(cfg, otlp.Deps{Client: &http.Client{Transport: a}, Metrics: reg, Logger: slog.New(slog.NewTextHandler(said, nil))})
	assert.NoError(t, "making it", err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- e.Run(ctx) }()
	return e, reg, said, func() {
		cancel()
		assert.NoError(t, "running", <-ended)
	}
}

// TestCollectorIsLetRest: one that takes nothing is not called for every batch, and for as long as it asks for not at all; spans wait meanwhile,
// and go out once it takes them. Its password is not in the log.
func TestCollectorIsLetRest(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status int
		header http.Header
		err    error
		most   int // calls in a minute
		least  time.Duration
	}{
		"too many requests": {status: http.StatusTooManyRequests, header: http.Header{"Retry-After": {"7"}}, most: 9, least: 7 * time.Second},
		"refused":           {err: errors.New("connection refused"), most: 11, least: 500 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var mu sync.Mutex // of both
				var calls []time.Time
				well := false
				e, reg, said, stop := exporter(t, "http://me:secret@collector:4318", func(*http.Request) (int, http.Header, error) {
					mu.Lock()
					defer mu.Unlock()
					calls = append(calls, time.Now())
					if well {
						return http.StatusOK, nil, nil
					}
					return c.status, c.header, c.err
				})
				const minute = 60
				for range minute {
					for range 20 {
						e.Export(trace.ID{1}, trace.Step{Kind: trace.Append})
					}
					time.Sleep(time.Second) //nolint:forbidigo // the bubble's time
				}
				mu.Lock()
				assert.True(t, "calls while it takes nothing", len(calls) >= 3 && len(calls) <= c.most)
				for i := range calls[1:] {
					assert.True(t, "it is let rest", calls[i+1].Sub(calls[i]) >= c.least)
				}
				well = true
				mu.Unlock()
				time.Sleep(20 * time.Second) //nolint:forbidigo // the bubble's time
				synctest.Wait()
				stop()
				assert.Equal(t, "dropped", counted(t, reg, "dropped"), 0.0)
				assert.True(t, "what waited went out", counted(t, reg, "sent") > 0 && counted(t, reg, "sent")+counted(t, reg, "failed") == 20.0*minute)
				assert.Equal(t, "said", strings.Count(said.String(), "spans are lost"), 1)
				assert.Equal(t, "said that it is back", strings.Count(said.String(), "takes spans again"), 1)
				assert.True(t, said.String(), !strings.Contains(said.String(), "secret"))
			})
		})
	}
}

// TestStopLetsACallEnd: the call that is under way when the exporter is to end goes through; one of a collector that hangs is not waited for.
func TestStopLetsACallEnd(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		takes time.Duration
		sent  float64
		ends  time.Duration
	}{
		"slow":  {1500 * time.Millisecond, 1, 1500 * time.Millisecond},
		"hangs": {time.Hour, 0, 2 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				called := make(chan struct{}, 1)
				e, reg, _, stop := exporter(t, "http://collector:4318", func(r *http.Request) (int, http.Header, error) {
					called <- struct{}{}
					select {
					case <-time.After(c.takes):
						return http.StatusOK, nil, nil
					case <-r.Context().Done():
						return 0, nil, r.Context().Err()
					}
				})
				e.Export(trace.ID{1}, trace.Step{Kind: trace.Append})
				<-called
				begun := time.Now()
				stop()
				assert.Equal(t, "it ended after", time.Since(begun), c.ends)
				assert.Equal(t, "sent", counted(t, reg, "sent"), c.sent)
				assert.Equal(t, "failed", counted(t, reg, "failed"), 1-c.sent)
			})
		})
	}
}
