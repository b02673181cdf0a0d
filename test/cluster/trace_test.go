//go:build cluster

package cluster_test

import (
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/throng-im/throng/client"
	"github.com/throng-im/throng/internal/app"
	"github.com/throng-im/throng/internal/config"
	"github.com/throng-im/throng/internal/trace"
)

// TestTraceOverNodes: what one message did on three nodes is one trace at the collector, and one answer of whichever node is asked.
func TestTraceOverNodes(t *testing.T) {
	t.Parallel()
	g, spans := shared(t), collect(t)
	var nodes []node
	var settings []*config.Config
	for range 3 {
		cfg := settingsOn(t, g)
		cfg.Tracing.Endpoint, cfg.Tracing.Ratio = spans.URL, 1
		cfg.Tiers.MediumMembers = 10
		settings = append(settings, cfg)
		nodes = append(nodes, start(t, cfg))
	}
	w := &world{t: t, nodes: nodes}
	users := w.people(12)
	devices := []*device{w.join(0, users[0]), w.join(1, users[1]), w.join(2, users[2])}
	for _, c := range []struct {
		tier    string
		members []client.UserID
		way     uint32
	}{{"small", users[:3], trace.WayUsers}, {"medium", users[:9], trace.WayGroup}, {"large", users, trace.WayGroup}} {
		conv := w.group(0, c.members...)
		for _, d := range devices { // content of a large group goes to those who look at it
			w.until("the device knows the group", func() bool { return d.Focus(w.ctx(), conv) == nil })
		}
		seq := w.spread(settings[0], devices, conv)
		for asked, cfg := range settings {
			w.traced(cfg, fmt.Sprintf("node %d of a %s group", asked, c.tier), uint64(conv), seq, func(r *app.Trace) string {
				return whole(r, c.tier, c.way)
			})
		}
		report := w.traced(settings[1], "the second node", uint64(conv), seq, func(*app.Trace) string { return "" })
		lacks := ""
		w.t.Cleanup(func() {
			if w.t.Failed() {
				w.t.Log("the collector lacks:", lacks)
			}
		})
		w.until("the collector has the whole trace", func() bool {
			lacks = spans.whole(report.Trace)
			return lacks == ""
		})
	}
}

// spread says something until it has gone to three nodes: those of a new group's members learn of it one by one. It returns that message.
func (w *world) spread(cfg *config.Config, devices []*device, conv client.ConversationID) (seq uint64) {
	w.t.Helper()
	op, err := app.Connect(w.ctx(), cfg, app.Options{}, false)
	w.must("reaching a node", err)
	defer func() { _ = op.Close() }()
	w.until("a message has gone to all nodes", func() bool {
		seq = devices[0].say(conv, "where does it go?")
		for _, d := range devices[1:] {
			d.hears(conv, seq)
		}
		report, err := op.Trace(w.ctx(), uint64(conv), seq)
		w.must("asking where it went", err)
		for i := range report.Nodes {
			if slices.ContainsFunc(report.Nodes[i].Steps, func(s trace.Step) bool { return s.Kind == trace.Fanout && s.Counts[2] == 3 }) {
				return true
			}
		}
		return false
	})
	return seq
}

// traced asks a node where a message went until nothing is missing any more.
func (w *world) traced(cfg *config.Config, who string, conversation, seq uint64, missing func(r *app.Trace) string) *app.Trace {
	w.t.Helper()
	op, err := app.Connect(w.ctx(), cfg, app.Options{}, false)
	w.must("reaching "+who, err)
	defer func() { _ = op.Close() }()
	var report *app.Trace
	what := ""
	defer func() {
		if w.t.Failed() {
			w.t.Log(who, what)
		}
	}()
	w.until(who+" knows the whole way", func() bool {
		report, err = op.Trace(w.ctx(), conversation, seq)
		w.must("asking "+who, err)
		what = missing(report)
		return what == ""
	})
	return report
}

// whole says what a report of a message to three nodes lacks.
func whole(r *app.Trace, tier string, way uint32) string {
	kinds, on := map[trace.Kind]int{}, map[trace.Kind]int{}
	sessions := 0
	var wrong []string
	for i := range r.Nodes {
		here := map[trace.Kind]bool{}
		for _, s := range r.Nodes[i].Steps {
			kinds[s.Kind]++
			here[s.Kind] = true
			switch s.Kind {
			case trace.Fanout:
				if s.Counts[0] != way || s.Counts[2] != 3 || s.Counts[3] != 0 {
					wrong = append(wrong, fmt.Sprintf("a fan-out of %v", s.Counts))
				}
			case trace.Write:
				sessions += int(s.Counts[0])
			default:
			}
		}
		for k := range here {
			on[k]++
		}
		if !r.Nodes[i].Answered {
			wrong = append(wrong, "a node did not answer")
		}
	}
	if r.Tier != tier || r.Outbox != "gone" || !r.Sampled || len(r.Problems) > 0 || len(r.Nodes) != 3 || sessions < 3 ||
		kinds[trace.Append] != 1 || on[trace.Publish] < 1 || on[trace.Fanout] < 1 || on[trace.Receive] != 3 || on[trace.Write] != 3 {
		wrong = append(wrong, fmt.Sprintf("%+v, %d sessions, steps %v on nodes %v", *r, sessions, kinds, on))
	}
	return strings.Join(wrong, "; ")
}

// collector takes spans, as OpenTelemetry's does.
type collector struct {
	*httptest.Server

	// guarded by mu
	mu    sync.Mutex
	spans map[string][]span // by trace
}

// span is one, and the node that it came from.
type span struct {
	*tracepb.Span

	node string
}

func collect(t *testing.T) *collector {
	t.Helper()
	c := &collector{spans: make(map[string][]span)}
	c.Server = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		d := new(tracepb.TracesData)
		if err == nil {
			err = proto.Unmarshal(body, d)
		}
		if err != nil || r.URL.Path != "/v1/traces" {
			t.Errorf("no spans come to %s: %v", r.URL.Path, err)
			rw.WriteHeader(http.StatusBadRequest)
			return
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, source := range d.GetResourceSpans() {
			node := ""
			for _, a := range source.GetResource().GetAttributes() {
				if a.GetKey() == "service.instance.id" {
					node = a.GetValue().GetStringValue()
				}
			}
			for _, scope := range source.GetScopeSpans() {
				for _, s := range scope.GetSpans() {
					id := hex.EncodeToString(s.GetTraceId())
					c.spans[id] = append(c.spans[id], span{s, node})
				}
			}
		}
	}))
	t.Cleanup(c.Close)
	return c
}

// whole says what a trace of a message to three nodes lacks.
func (c *collector) whole(id string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	nodes := map[string]map[string]bool{} // by the spans' names
	var root span
	for _, s := range c.spans[id] {
		if nodes[s.GetName()] == nil {
			nodes[s.GetName()] = map[string]bool{}
		}
		nodes[s.GetName()][s.node] = true
		if s.GetName() == "throng.append" {
			root = s
		}
	}
	for name, want := range map[string]int{"throng.append": 1, "throng.publish": 1, "throng.fanout": 1, "throng.receive": 3, "throng.write": 3} {
		if len(nodes[name]) < want {
			return fmt.Sprintf("%s is of %d nodes", name, len(nodes[name]))
		}
	}
	for _, s := range c.spans[id] {
		if s.GetName() != "throng.append" && string(s.GetParentSpanId()) != string(root.GetSpanId()) {
			return s.GetName() + " hangs under another span"
		}
		if s.GetEndTimeUnixNano() < s.GetStartTimeUnixNano() || s.GetEndTimeUnixNano() < root.GetStartTimeUnixNano() {
			return s.GetName() + " ends before it began, or before the message was sent"
		}
	}
	return ""
}
