package otlp_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/trace"
	"github.com/throng-im/throng/internal/trace/otlp"
)

// collector is a server that takes spans; answer, where it is set, says what it answers to its n-th call instead.
type collector struct {
	*httptest.Server

	got   chan *tracepb.TracesData
	calls int
}

func newCollector(t *testing.T, answer func(call int) int) *collector {
	t.Helper()
	c := &collector{got: make(chan *tracepb.TracesData, 100)}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.calls++
		if answer != nil {
			if status := answer(c.calls); status != http.StatusOK {
				w.WriteHeader(status)
				return
			}
		}
		body, err := io.ReadAll(r.Body)
		assert.NoError(t, "reading", err)
		var d tracepb.TracesData
		assert.NoError(t, "decoding", proto.Unmarshal(body, &d))
		assert.Equal(t, "type", r.Header.Get("Content-Type"), "application/x-protobuf")
		assert.Equal(t, "path", r.URL.Path, "/v1/traces")
		c.got <- &d
	}))
	t.Cleanup(c.Close)
	return c
}

// export runs an exporter for as long as do takes, and waits until it has ended.
func export(t *testing.T, c *collector, do func(tr *trace.Tracer)) *prometheus.Registry {
	t.Helper()
	reg := prometheus.NewRegistry()
	cfg := trace.Default()
	cfg.Endpoint, cfg.Ratio = c.URL, 1
	e, err := otlp.New(cfg, otlp.Deps{Node: "n1", Version: "v1", Metrics: reg})
	assert.NoError(t, "making it", err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- e.Run(ctx) }()
	do(trace.New(cfg, trace.Deps{Salt: 1, Exporter: e}))
	cancel()
	assert.NoError(t, "running", <-ended)
	return reg
}

func TestSpans(t *testing.T) {
	t.Parallel()
	c := newCollector(t, nil)
	at := time.Unix(1_700_000_000, 5)
	var id trace.ID
	export(t, c, func(tr *trace.Tracer) {
		id = tr.ID(7, 3)
		tr.Add(trace.Step{
			Kind: trace.Append, Conversation: 7, Seq: 3, User: 5, Start: at.UnixNano(), Took: time.Millisecond, Counts: [4]uint32{2, 10, 20, 30},
			Caller: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
		})
		tr.Add(trace.Step{Kind: trace.Fanout, Conversation: 7, Seq: 3, Counts: [4]uint32{trace.WayGroup, 0, 2, 0}, Stream: 4, Position: 99})
		tr.Add(trace.Step{Kind: trace.Pull, Conversation: 7, Seq: 1, Until: 3}) // of no single entry
	})
	d := <-c.got
	attrs := func(of interface{ GetAttributes() []*commonpb.KeyValue }) map[string]string {
		out := map[string]string{}
		for _, a := range of.GetAttributes() {
			out[a.GetKey()] = a.GetValue().GetStringValue()
			if out[a.GetKey()] == "" {
				out[a.GetKey()] = time.Duration(a.GetValue().GetIntValue()).String()
			}
		}
		return out
	}
	source := attrs(d.GetResourceSpans()[0].GetResource())
	assert.Equal(t, "service", source["service.name"]+" "+source["service.version"]+" "+source["service.instance.id"], "throng v1 n1")
	spans := d.GetResourceSpans()[0].GetScopeSpans()[0].GetSpans()
	assert.Equal(t, "spans", len(spans), 2)
	root, root8 := spans[0], id.Root()
	assert.Equal(t, "name", root.GetName(), "throng.append")
	assert.Equal(t, "trace", [16]byte(root.GetTraceId()), [16]byte(id))
	assert.Equal(t, "span", [8]byte(root.GetSpanId()), root8)
	assert.Equal(t, "start", root.GetStartTimeUnixNano(), uint64(at.UnixNano()))
	assert.Equal(t, "end", root.GetEndTimeUnixNano(), uint64(at.UnixNano()+1_000_000))
	assert.Equal(t, "conversation", attrs(root)["throng.conversation"], "7")
	assert.Equal(t, "queued", attrs(root)["throng.append.queued_us"], "10ns")
	assert.Equal(t, "links", len(root.GetLinks()), 1)
	child := spans[1]
	assert.Equal(t, "its trace", [16]byte(child.GetTraceId()), [16]byte(id))
	assert.Equal(t, "its parent", [8]byte(child.GetParentSpanId()), root8)
	assert.True(t, "a span of its own", [8]byte(child.GetSpanId()) != root8)
	assert.Equal(t, "way", attrs(child)["throng.fanout.way"], "group")
	assert.Equal(t, "position", attrs(child)["throng.fanout.position"], "99ns")
}

// TestCollectorFails: a call is made again where that helps, and what is lost is counted.
func TestCollectorFails(t *testing.T) {
	t.Parallel()
	step := trace.Step{Kind: trace.Append, Conversation: 1, Seq: 1}
	for name, c := range map[string]struct {
		answer func(call int) int
		calls  int
		lost   float64
	}{
		"busy once": {func(call int) int { return map[int]int{1: 503}[call] + map[bool]int{true: 200}[call > 1] }, 2, 0},
		"bad":       {func(int) int { return 400 }, 1, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := newCollector(t, c.answer)
			reg := export(t, server, func(tr *trace.Tracer) { tr.Add(step) })
			assert.Equal(t, "calls", server.calls, c.calls)
			assert.Equal(t, "failed", counted(t, reg, "failed"), c.lost)
			assert.Equal(t, "sent", counted(t, reg, "sent"), 1-c.lost)
		})
	}
}

// TestNoRoom: who exports does not wait, and what does not fit is counted.
func TestNoRoom(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewRegistry()
	cfg := trace.Default()
	cfg.Endpoint, cfg.Ratio = "http://127.0.0.1:1", 1
	e, err := otlp.New(cfg, otlp.Deps{Metrics: reg})
	assert.NoError(t, "making it", err)
	for range 10_000 { // nobody sends
		e.Export(trace.ID{1}, trace.Step{})
	}
	assert.Equal(t, "dropped", counted(t, reg, "dropped"), 10_000-8_192.0)
}

func counted(t *testing.T, reg *prometheus.Registry, result string) float64 {
	t.Helper()
	families, err := reg.Gather()
	assert.NoError(t, "gathering", err)
	for _, f := range families {
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if l.GetName() == "result" && l.GetValue() == result {
					return m.GetCounter().GetValue()
				}
			}
		}
	}
	return -1
}

// TestCollectorElsewhere: a collector that points elsewhere has not taken the spans, whatever is there, and no password stands in the log.
func TestCollectorElsewhere(t *testing.T) {
	t.Parallel()
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "sign in") }))
	t.Cleanup(page.Close)
	moved := httptest.NewServer(http.RedirectHandler(page.URL, http.StatusFound))
	t.Cleanup(moved.Close)
	reg := prometheus.NewRegistry()
	cfg := trace.Default()
	cfg.Endpoint, cfg.Ratio = strings.Replace(moved.URL, "://", "://me:secret@", 1), 1
	var log strings.Builder
	e, err := otlp.New(cfg, otlp.Deps{Metrics: reg, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	assert.NoError(t, "making it", err)
	e.Export(trace.ID{1}, trace.Step{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	assert.NoError(t, "running", e.Run(ctx))
	assert.Equal(t, "failed", counted(t, reg, "failed"), 1.0)
	assert.True(t, "the log says why: "+log.String(), strings.Contains(log.String(), "302 Found") && !strings.Contains(log.String(), "secret"))
}
